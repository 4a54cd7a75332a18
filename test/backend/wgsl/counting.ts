/// <reference types="@webgpu/types" />
// A device that counts what is asked of it.

/** A device that records its use: how often each method is called, and which buffers and textures are live. */
export function counting(real: GPUDevice) {
  const calls = new Map<string, number>();
  const living = new Set<GPUBuffer | GPUTexture>();
  const count = (name: string): void => void calls.set(name, (calls.get(name) ?? 0) + 1);
  const queue = new Proxy(real.queue, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        count(String(key));
        return Reflect.apply(value, target, given) as unknown;
      };
    },
  });
  const device = new Proxy(real, {
    get(target, key) {
      if (key === "queue") return queue;
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        count(String(key));
        const result: unknown = Reflect.apply(value, target, given);
        if (key === "createBuffer" || key === "createTexture") noteLife(result as GPUBuffer | GPUTexture);
        return result;
      };
    },
  });
  const noteLife = (made: GPUBuffer | GPUTexture): void => {
    living.add(made);
    const destroy = made.destroy.bind(made);
    made.destroy = () => {
      living.delete(made);
      return destroy();
    };
  };
  /** What was called since the last question. */
  const since = (): Record<string, number> => {
    const found = Object.fromEntries(calls);
    calls.clear();
    return found;
  };
  return { device, living, since };
}
