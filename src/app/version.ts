import manifest from "../../package.json" with { type: "json" };

/** Name and version of this service, of package.json. */
export const { name: NAME, version: VERSION } = manifest;
