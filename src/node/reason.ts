// Why a call of the file system failed, in words.

/** The reason of a failed system call, in words. */
export function reason(cause: unknown): string {
  switch ((cause as { code?: unknown } | null)?.code) {
    case "ENOENT":
      return "the file or folder does not exist";
    case "ELOOP":
      return "its links form a cycle";
    case "EISDIR":
      return "it is a folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EEXIST":
    case "ENOTDIR":
      return "a part of its path is not a folder";
    case "ENOSPC":
      return "the disk is full";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
