// Takes a picture with the camera.

/**
 * Shows the camera's image in `dialog`. Resolves to a File when the user takes a picture, to null when the user closes
 * the dialog. Rejects if there is no camera or the page may not use it.
 */
export async function takePicture(dialog) {
  const video = dialog.querySelector("video");
  const shutter = dialog.querySelector("#shoot");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = stream;
  dialog.returnValue = "";
  dialog.showModal();
  shutter.disabled = true; // until the first video frame is there
  video.onplaying = () => {
    shutter.disabled = false;
  };
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  await Promise.all([video.play().catch(() => {}), closed]);
  const picture = dialog.returnValue === "shoot" ? await currentFrame(video) : null;
  for (const track of stream.getTracks()) track.stop();
  video.srcObject = null;
  return picture;
}

async function currentFrame(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new File([await canvas.convertToBlob({ type: "image/png" })], "camera.png", { type: "image/png" });
}
