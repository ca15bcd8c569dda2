// Takes a picture with the camera.

/**
 * Shows the camera's image in `dialog`, as close to `width` pixels wide as the camera can. Resolves to a File when the user takes a picture, to null when the user closes
 * the dialog. Rejects if there is no camera or the page may not use it.
 */
export async function takePicture(dialog, width) {
  const screen = dialog.querySelector("video");
  const shutter = dialog.querySelector("#shoot");
  const video = { facingMode: "environment", width: { ideal: width }, height: { ideal: (width * 3) / 4 } };
  const stream = await navigator.mediaDevices.getUserMedia({ video });
  screen.srcObject = stream;
  dialog.returnValue = "";
  dialog.showModal();
  shutter.disabled = true; // until the first video frame is there
  screen.onplaying = () => {
    shutter.disabled = false;
  };
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  await Promise.all([screen.play().catch(() => {}), closed]);
  const picture = dialog.returnValue === "shoot" ? await currentFrame(screen) : null;
  for (const track of stream.getTracks()) track.stop();
  screen.srcObject = null;
  return picture;
}

async function currentFrame(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  // As PNG, the noise of a photograph would be several times as many bytes to send.
  const type = "image/jpeg";
  return new File([await canvas.convertToBlob({ type, quality: 0.95 })], "camera.jpg", { type });
}
