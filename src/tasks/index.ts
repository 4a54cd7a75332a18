// What is done with a net's results: classes, boxes, peaks and masks. For pages and programs that use emitted modules; it imports nothing else.

// # Results of nets (stable)

export { joined, sigmoid, softmax, topK } from "./values.js";
export type { Ranked } from "./values.js";
export { inPicture, nms, ssdAnchors, ssdBoxes } from "./boxes.js";
export type { AnchorOptions, BoxOptions, Detection, NmsOptions } from "./boxes.js";
export { maskToImageData, peaks } from "./maps.js";
export type { Color, MapSize, MaskImage, Peak, PeakOptions } from "./maps.js";
export { regions } from "./regions.js";
export type { Region, RegionOptions } from "./regions.js";
