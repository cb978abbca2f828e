import { useSyncExternalStore } from "react";

/** A value that components follow. */
export interface Store<T> {
  get(): T;
  set(next: T): void;
  follow(told: () => void): () => void;
}

/** Makes a store that begins with a value. */
export function store<T>(value: T): Store<T> {
  const followers = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const told of followers) told();
    },
    follow(told) {
      followers.add(told);
      return () => followers.delete(told);
    },
  };
}

/** The value of a store, now and whenever it changes. */
export function useStore<T>(from: Store<T>): T {
  return useSyncExternalStore(from.follow, from.get);
}
