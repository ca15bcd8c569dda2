/** A picture of any size and colours. What is no file yet is sent as PNG. */
export type Picture = Blob | HTMLCanvasElement | OffscreenCanvas | ImageBitmap | ImageData;

export interface Options {
  /** The default model if absent. */
  model?: string;
  /** The newest if absent. */
  version?: number;
  /** Rejects with the signal's reason once it is aborted. */
  signal?: AbortSignal;
  /** For all of it, waiting and asking again included; 15,000 if absent. */
  timeoutMs?: number;
  /** How often to ask again when the service is busy (503), each time after the seconds it names; 2 if absent. */
  retries?: number;
  /** The service's address; the one that this module came from if absent. */
  service?: string | URL;
  /** Where the service asks for one. Whoever opens your page can read it: give out one of its own. */
  apiKey?: string;
}

export interface PredictOptions extends Options {
  /** Adds the 28 x 28 image that the model saw. */
  returnImage?: boolean;
}

export interface ExplainOptions extends PredictOptions {
  /** The digit to explain; the one that is read if absent. */
  digit?: number;
}

export interface ModelName {
  name: string;
  version: number;
}

export interface Prediction {
  digit: number;
  /** Calibrated probability that the picture is this digit. */
  confidence: number;
  /** Of the digits 0 to 9. */
  probabilities: number[];
  /** Whether the confidence reaches the model's threshold; if not, it may be no digit at all. */
  accepted: boolean;
  /** With `returnImage`: a PNG in base64. */
  image?: string;
}

export interface Predictions {
  model: ModelName;
  predictions: Prediction[];
}

export interface ReadDigit {
  digit: number;
  confidence: number;
  accepted: boolean;
  /** Left, top, width and height in the picture's pixels. */
  box: [number, number, number, number];
}

export interface Reading {
  model: ModelName;
  /** The lines, with a line break between them. */
  text: string;
  lines: string[];
  /** Those of the first line, then those of the second, and so on. */
  digits: ReadDigit[];
}

export interface Explanation {
  digit: number;
  /** The log-odds of the digit, and those of empty paper. */
  score: number;
  blank_score: number;
  /** 28 rows of 28; above 0 a pixel speaks for the digit. They add up to `score - blank_score`. */
  attributions: number[][];
}

export interface ExplainedPrediction {
  model: ModelName;
  prediction: Prediction;
  explanation: Explanation;
}

export interface Models {
  /** The model that answers when none is named. */
  default: string;
  models: { device: string; manifest: ModelName & { threshold: number; [member: string]: unknown } }[];
}

export interface Health {
  status: string;
  device: string;
  [member: string]: unknown;
}

/** The service's no, as its problem document says it. */
export class Problem extends Error {
  /** Names the kind of problem and never changes. */
  readonly type: string;
  readonly title: string;
  /** The HTTP status; 0 where no answer came at all. */
  readonly status: number;
  readonly detail: string;
  /** Which of the request's pictures it is about, from 0. */
  readonly picture: number | null;
  /** Seconds, where the service names them. */
  readonly retryAfter: number | null;
}

/** Reads one picture, or several in an array, with one digit in each. Rejects with a `Problem`. */
export function predict(pictures: Picture | Picture[], options?: PredictOptions): Promise<Predictions>;

/** Reads one picture with several digits in it, in one line or more. Rejects with a `Problem`. */
export function read(picture: Picture, options?: Options): Promise<Reading>;

/** Reads one picture of one digit, and tells which pixels speak for a digit. Rejects with a `Problem`. */
export function explain(picture: Picture, options?: ExplainOptions): Promise<ExplainedPrediction>;

/** Whether the service can be reached and takes requests. */
export function ready(options?: Pick<Options, "signal" | "timeoutMs" | "service">): Promise<boolean>;

/** What is served, each version with its manifest. */
export function models(options?: Pick<Options, "signal" | "timeoutMs" | "retries" | "service" | "apiKey">): Promise<Models>;

/** The service's state: its device, its models, its queue. */
export function health(options?: Pick<Options, "signal" | "timeoutMs" | "retries" | "service">): Promise<Health>;
