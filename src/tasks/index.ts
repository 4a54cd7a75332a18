// What is done with a net's results: classes, boxes, peaks and masks. For pages and programs that use emitted modules; it imports nothing else.

// # Results of nets (stable)

export { columns, joined, sigmoid, softmax, topK } from "./values.js";
export type { Activation, Ranked } from "./values.js";
export { ssdAnchors } from "./anchors.js";
export type { AnchorOptions } from "./anchors.js";
export { nms } from "./nms.js";
export type { Detection, NmsOptions } from "./nms.js";
export { inPicture } from "./places.js";
export { detector } from "./detector.js";
export type { DetectOptions, Detector, PictureNet, PictureOutputs } from "./detector.js";
export type { Candidates, Found, FoundOptions, KeyPoint } from "./found.js";
export { ssdBoxes, ssdDetector, ssdPoints } from "./ssd.js";
export type { BoxOptions, SsdOptions } from "./ssd.js";
export { yoloDetector } from "./yolo.js";
export type { YoloOptions } from "./yolo.js";
export { boxDetector } from "./finished.js";
export type { FinishedBoxes, FinishedForm, FinishedOptions, FinishedRows } from "./finished.js";
export { maskToImageData, peaks } from "./maps.js";
export type { Color, MapSize, MaskImage, Peak, PeakOptions } from "./maps.js";
export { regions } from "./regions.js";
export type { Region, RegionOptions } from "./regions.js";
export { ctcText } from "./ctc.js";
export type { CtcText } from "./ctc.js";
