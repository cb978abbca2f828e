import { type Refusal, refusalCodes } from "./generated/refusals.js";

/** A user error as the API answers it, with what the fragment `Refused` asks for. */
export interface UserErrorShape {
  code: string;
  message: string;
  field: string[] | null;
}

/** The refusals in an answer. */
export function refusalsOf(userErrors: readonly UserErrorShape[]): Refusal[] {
  return userErrors.map((error) => {
    const code = (refusalCodes as readonly string[]).includes(error.code) ? error.code : "INVALID";
    // The generator has taken the shape of each code from the same SDL as the server.
    return { ...error, code } as Refusal;
  });
}
