// What is wanted of one resource type, what of it has gone out, and which names the two refer to. Keeps the users of each
// name, so that a change costs what it touches and not what there is.

interface Named {
  readonly name: string;
}

export class Generations<T extends Named> {
  readonly #namesOf: (value: T) => readonly string[];
  readonly #onUsers: (name: string) => void;
  readonly #users = new Map<string, Set<T>>();
  readonly #emitted = new Map<string, T>();
  #wanted: Map<string, T> | undefined;
  /** Names of this type that the next step is to look at. */
  readonly dirty = new Set<string>();

  /**
   * @param namesOf what a resource of this type refers to.
   * @param onUsers told of a name that some resource has begun or ceased to refer to.
   */
  constructor(namesOf: (value: T) => readonly string[], onUsers: (name: string) => void) {
    this.#namesOf = namesOf;
    this.#onUsers = onUsers;
  }

  /** `undefined` before the control plane has said anything. */
  get wanted(): ReadonlyMap<string, T> | undefined {
    return this.#wanted;
  }

  get emitted(): ReadonlyMap<string, T> {
    return this.#emitted;
  }

  /** Wanted or emitted resources that refer to that name. */
  usersOf(name: string): ReadonlySet<T> {
    return this.#users.get(name) ?? none;
  }

  /** What the control plane says; an answer without anything is one too. */
  want(changed: Iterable<T>, removed: Iterable<string>): void {
    this.#wanted ??= new Map();
    for (const value of changed) {
      this.dirty.add(value.name);
      this.#put(this.#wanted, value);
    }
    for (const name of removed) {
      this.dirty.add(name);
      this.#take(this.#wanted, name);
    }
  }

  emit(value: T): void {
    this.#put(this.#emitted, value);
  }

  retract(name: string): void {
    this.#take(this.#emitted, name);
  }

  /** Something has become of what they refer to by that name. */
  wakeUsersOf(name: string): void {
    for (const user of this.usersOf(name)) this.dirty.add(user.name);
  }

  #put(map: Map<string, T>, value: T): void {
    const before = map.get(value.name);
    if (before === value) return;
    map.set(value.name, value);
    for (const name of this.#namesOf(value)) {
      const users = this.#users.get(name);
      if (users === undefined) this.#users.set(name, new Set([value]));
      else users.add(value);
      this.#onUsers(name);
    }
    if (before !== undefined) this.#release(before);
  }

  #take(map: Map<string, T>, name: string): void {
    const before = map.get(name);
    if (before === undefined) return;
    map.delete(name);
    this.#release(before);
  }

  /** Left one of the two maps; while it is in the other, it stays a user of its names. */
  #release(value: T): void {
    const stays = this.#wanted?.get(value.name) === value || this.#emitted.get(value.name) === value;
    for (const name of this.#namesOf(value)) {
      if (!stays) {
        const users = this.#users.get(name);
        users?.delete(value);
        if (users?.size === 0) this.#users.delete(name);
      }
      this.#onUsers(name);
    }
  }
}

const none: ReadonlySet<never> = new Set();
