// The camera: frames as they come, and a sentence for each reason why there are none.

export interface Camera {
  /** Starts the camera; `next` is called for its first frame, `ended` if it stops by itself. Rejects with an `Error` for the user. */
  start(next: () => void, ended: () => void): Promise<void>;
  stop(): void;
  readonly isOn: boolean;
  /** A copy of the frame that is there now; undefined if the camera is off. */
  frame(): Promise<ImageBitmap | undefined>;
  /** Calls `next` once, when there is another frame. */
  wait(next: () => void): void;
}

/** Which camera of a phone is used: the one that sees its user, or the other one. */
export type Facing = "user" | "environment";

/** Frames of this size are large enough for the nets. */
const size = { width: { ideal: 640 }, height: { ideal: 480 } };

export function createCamera(facingMode: Facing): Camera {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  let stream: MediaStream | undefined;

  const camera: Camera = {
    get isOn() {
      return stream !== undefined;
    },
    async start(next, ended) {
      // Browsers hide cameras from pages that are not encrypted.
      if (!("mediaDevices" in navigator)) throw new Error(insecure);
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode, ...size } });
        video.srcObject = stream;
        await video.play();
      } catch (error) {
        camera.stop();
        throw new Error(sentences[(error as DOMException).name] ?? `The camera does not start. ${useOther}`, {
          cause: error,
        });
      }
      stream.getVideoTracks()[0]?.addEventListener("ended", () => {
        camera.stop();
        ended();
      });
      camera.wait(next);
    },
    stop() {
      for (const track of stream?.getTracks() ?? []) track.stop();
      stream = undefined;
      video.srcObject = null;
    },
    async frame() {
      try {
        return await createImageBitmap(video);
      } catch (error) {
        if (camera.isOn) throw error;
        return undefined;
      }
    },
    wait(next) {
      video.requestVideoFrameCallback(next);
    },
  };
  return camera;
}

const useOther = "You can open a picture instead.";
const insecure = `This page may not use a camera, because its connection is not encrypted (https). ${useOther}`;
/** What the errors of `getUserMedia` mean, by name. */
const sentences: Readonly<Record<string, string>> = {
  NotAllowedError: `The camera is not allowed for this page. Allow it in the browser's settings for this site and start it again. ${useOther}`,
  SecurityError: `The camera is not allowed for this page. ${useOther}`,
  NotFoundError: `No camera is connected. ${useOther}`,
  OverconstrainedError: `No camera is connected that gives a picture. ${useOther}`,
  NotReadableError: `The camera is used by another program. Close it and start the camera again. ${useOther}`,
  AbortError: `The camera stopped while it was starting. ${useOther}`,
};
