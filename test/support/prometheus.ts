export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export interface Exposition {
  /** Types by metric family. */
  readonly types: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
  /** Sum of the samples with this name and, at least, these labels; undefined without any. */
  value(name: string, labels?: Labels): number | undefined;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? ([^ ]+)(?: -?\\d+)?$`);

/** Parses Prometheus' text format, version 0.0.4. Throws on a line that is none. */
export function parsePrometheus(text: string): Exposition {
  if (!text.endsWith("\n")) throw new Error("expected a line break at the end");
  const types: Record<string, string> = {};
  const samples: Sample[] = [];
  for (const line of text.slice(0, -1).split("\n")) {
    const [, family, type] = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`).exec(line) ??
      [];
    if (family) {
      if (family in types) throw new Error(`expected one TYPE of ${family}, got two`);
      types[family] = type;
    }
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    const parsed = value === "+Inf" ? Infinity : Number(value);
    if (!name || (Number.isNaN(parsed) && value !== "NaN")) throw new Error(`expected a sample, got ${line}`);
    samples.push({ name, labels: labelsOf(labels, line), value: parsed });
  }
  return {
    types,
    samples,
    value(name, labels = {}) {
      const found = samples.filter((sample) =>
        sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
      );
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

function labelsOf(text: string, line: string): Labels {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name, value] = LABEL.exec(text) ?? [];
    if (!name) throw new Error(`expected labels, got ${line}`);
    labels[name] = value.replace(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
  }
  return labels;
}

/** The metrics that the service serves. */
export async function scrape(http: string): Promise<Exposition> {
  const response = await fetch(`${http}/metrics`);
  const type = response.headers.get("content-type");
  if (type !== "text/plain; version=0.0.4; charset=utf-8") throw new Error(`expected Prometheus' format, got ${type}`);
  return parsePrometheus(await response.text());
}
