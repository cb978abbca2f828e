import type { Storage } from "@graphiql/toolkit";

// How the page looks. Nothing else reaches the disk: what is typed, answered or kept as history may hold a token.
const kept = /^graphiql:(theme|\w+Flex)$/;

/** GraphiQL's storage, which forgets everything but looks when the page is closed. */
export function forgetful(disk: globalThis.Storage): Storage {
  const memory = new Map<string, string>();
  return {
    get length() {
      return memory.size;
    },
    getItem: (key) => (kept.test(key) ? disk.getItem(key) : (memory.get(key) ?? null)),
    setItem(key, value) {
      if (kept.test(key)) disk.setItem(key, value);
      else memory.set(key, value);
    },
    removeItem(key) {
      disk.removeItem(key);
      memory.delete(key);
    },
    clear() {
      memory.clear();
    },
  };
}
