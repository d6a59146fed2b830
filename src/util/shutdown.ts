/** Cause of the error that ends calls when the process stops. */
export class Shutdown extends Error {
  override readonly name = "Shutdown";
}
