// One picture from the camera.

/**
 * Shows `dialog` with what the camera sees. Resolves to a File once #shoot is pressed, to null if it is closed before.
 * Rejects where there is no camera, or none that this page may use.
 */
export async function takePicture(dialog) {
  const video = dialog.querySelector("video");
  const shoot = dialog.querySelector("#shoot");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = stream;
  dialog.returnValue = "";
  dialog.showModal();
  shoot.disabled = true;
  video.onplaying = () => (shoot.disabled = false); // there is nothing to take before
  await Promise.all([video.play().catch(() => {}), new Promise((resolve) => (dialog.onclose = resolve))]);
  const picture = dialog.returnValue === "shoot" ? await frame(video) : null;
  for (const track of stream.getTracks()) track.stop();
  video.srcObject = null;
  return picture;
}

async function frame(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new File([await canvas.convertToBlob({ type: "image/png" })], "camera.png", { type: "image/png" });
}
