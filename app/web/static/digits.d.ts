/** A class that this environment may lack: browsers have HTMLCanvasElement, Node.js has not. */
type Instance<Name extends string> = typeof globalThis extends { [Key in Name]: { prototype: infer Type } }
  ? Type
  : never;

type Pixels = Instance<"HTMLImageElement" | "HTMLCanvasElement" | "OffscreenCanvas" | "ImageBitmap" | "ImageData">;

/** Fetched. In a variable use a URL: no string is taken for the path of a file. */
export type Address = URL | `http://${string}` | `https://${string}` | `data:${string}` | `blob:${string}`;

/** A picture of any size and colours: a file, its bytes, its address, or pixels, which are sent as PNG. */
export type Picture = Blob | ArrayBuffer | ArrayBufferView | Address | Pixels;

/** Several pictures for one request. */
export type Pictures = readonly Picture[] | Instance<"FileList">;

/** Options of every function. */
export interface CallOptions {
  /** The base URL of the service. The module that the service serves as digits.js has its own as default. */
  service?: string | URL;
  /** The API key, if the service requires one. Every visitor of your page can read it, so use a separate key. */
  apiKey?: string;
  /** Aborts the request: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** For how many milliseconds no byte may move, up or down. Default: 15,000. A longer Retry-After is not waited for. */
  timeoutMs?: number;
  /**
   * For how many milliseconds to wait for the answer once everything has been sent. Default: `timeoutMs`, or as long as
   * the upload took if that was longer.
   */
  answerTimeoutMs?: number;
  /** How often to retry while the service is busy (503, 429), each time after the time it names. Default: 2. */
  retries?: number;
}

/** Options of the functions that send a picture. */
export interface Options extends CallOptions {
  /** The model's name. Default: the service's default model. */
  model?: string;
  /** A version of the model, or its label. Default: the newest. */
  version?: number | string;
  /** Gets the fraction of the request that has been sent, from 0 to 1; from 0 again with each retry. */
  onProgress?: (fraction: number) => void;
}

export interface PredictOptions extends Options {
  /** Also returns the 28 x 28 image that the model received. */
  returnImage?: boolean;
  /** "each": a bad picture has its problem in the place of its prediction. Default: "fail", it fails the request. */
  onError?: "fail" | "each";
}

export interface ExplainOptions extends Options {
  /** Also returns the 28 x 28 image that the model received. */
  returnImage?: boolean;
  /** The digit to explain. Default: the most probable one. */
  digit?: number;
}

export interface ReadOptions extends Options {
  /** How many of the likeliest readings of each line to return. Default: 1. */
  alternatives?: number;
  /** Every line has this many digits. */
  length?: number;
  /** Every line matches this regular expression of the service's subset. */
  pattern?: string;
  /** Every line is one of these texts. A text with a comma needs a pattern. */
  values?: string[];
  /** Every line has a valid checksum of this kind, or is a date. */
  check?: Check;
  /** The fields of a form, or the name of a template that the service's operator keeps. */
  template?: string | Template;
}

export interface ReadDocumentOptions extends ReadOptions {
  /** Which pages to read, such as "2-5" or "1,4-6". Default: all. */
  pages?: string;
}

export interface ReadAllOptions extends Omit<ReadDocumentOptions, "onProgress"> {
  /** How many pictures are sent at a time. Default: 4. */
  concurrency?: number;
  /** Gets each entry and its picture, in the order in which they are done. */
  onEntry?: (entry: ReadEntry, picture: Picture) => void;
  /** Gets how many pictures are done, and of how many, unless an iterable does not tell. */
  onProgress?: (done: number, total: number | undefined) => void;
}

export interface CorrectOptions extends Omit<Options, "version"> {
  /** The part of the picture that was misread, as `read` gives boxes. Default: the whole picture. */
  region?: Box;
  /** The digits that had been read, or "none". */
  read?: string;
  /** The version that had read them, as `model` names the model. */
  version?: number;
}

/** A rectangle on a form, in shares of its width and height. */
export interface TemplateRegion {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A field of a form, and what its text must satisfy. */
export interface TemplateField extends TemplateRegion {
  length?: number;
  pattern?: string;
  values?: string[];
  check?: Check;
}

/** The fields of a form, and what is printed on it at known places. */
export interface Template {
  fields: Record<string, TemplateField>;
  /** The middles of four marks near the corners, from the upper left one clockwise. */
  marks?: { x: number; y: number }[];
  /** Two to eight printed places, and what they look like: a PNG in base64. */
  anchors?: (TemplateRegion & { image: string })[];
}

export type Check = "luhn" | "mod97" | "ean13" | "isbn" | "date";

export interface ModelName {
  name: string;
  version: number;
}

export interface Prediction {
  /** The most probable digit. */
  digit: number;
  /** The calibrated probability that the picture shows this digit. */
  confidence: number;
  /** The probabilities of the digits 0 to 9. The remainder to 1 is the probability that the picture is not a digit. */
  probabilities: number[];
  /** Whether the confidence reaches the model's threshold. If not, the picture may not be a digit. */
  accepted: boolean;
  /** With `returnImage`: the image that the model received, as PNG in base64. */
  image?: string;
}

/** With `onError: "each"`: why there is no prediction for one picture. */
export interface FailedPrediction {
  error: ProblemDocument;
}

export interface Predictions<Each = Prediction> {
  model: ModelName;
  /** One for each picture, in the order of the request. */
  predictions: Each[];
}

/** Left, top, width and height in pixels of the picture, upright after EXIF rotation. */
export type Box = [number, number, number, number];

export interface ReadDigit {
  digit: number;
  confidence: number;
  accepted: boolean;
  box: Box;
}

export type SignKind =
  | "digit"
  | "point"
  | "comma"
  | "colon"
  | "minus"
  | "plus"
  | "slash"
  | "bracket"
  | "percent"
  | "equals"
  | "space"
  | "other";

export interface Sign {
  kind: SignKind;
  /** What stands there. Empty for "other": ink that is none of these. */
  text: string;
  confidence: number;
  accepted: boolean;
  /** Whether a line strikes it through: then it is not accepted. */
  struck: boolean;
  box: Box;
}

/** What stands in a field of a form. */
export interface FieldReading {
  /** With marks and spaces; empty if nothing stands there. */
  text: string;
  /** The calibrated probability that the text is right. */
  confidence: number;
  /** Whether the confidence suffices, and the constraints are satisfied. */
  accepted: boolean;
  /** Whether the text satisfies the constraints, if there are any. */
  satisfied: boolean;
  box: Box;
  /** The likeliest readings, as many as `alternatives` asks for; the first is `text`. */
  alternatives: { text: string; probability: number }[];
}

export interface ReadLine extends FieldReading {
  /** Whether all of its signs are struck through. */
  struck: boolean;
  /** From left to right. */
  signs: Sign[];
}

/** How the page lay on the picture. */
export interface Placed {
  /** By how many degrees, counterclockwise, the picture was turned to be read. */
  turned: 0 | 90 | 180 | 270;
  /** The corners of the sheet of paper, in pixels of the picture; null if the whole picture was read. */
  sheet: [number, number][] | null;
}

export interface PageContents {
  /** All lines as they stand, separated by line breaks. */
  text: string;
  /** The digits alone of each line that has any. */
  lines: string[];
  /** Line by line, from left to right. */
  digits: ReadDigit[];
  /** The lines, from top to bottom. */
  readings: ReadLine[];
  /** With `template`: its fields, by name. */
  fields?: Record<string, FieldReading>;
  page: Placed;
}

export interface Reading extends PageContents {
  model: ModelName;
}

/** One page of a document; without digits if it is blank. */
export interface DocumentPage extends PageContents {
  /** Of the page in the document, from 1. */
  number: number;
  /** Of the page, in the pixels of its boxes. */
  width: number;
  height: number;
}

export interface ReadDocument {
  model: ModelName;
  /** The pages' texts, separated by form feeds. */
  text: string;
  pages: DocumentPage[];
}

export interface Explanation {
  digit: number;
  /** The log-odds of the digit for this picture. */
  score: number;
  /** The log-odds of the digit for blank paper. */
  blank_score: number;
  /** 28 rows of 28 values: evidence for the digit above 0, against it below. Their sum is `score - blank_score`. */
  attributions: number[][];
}

export interface ExplainedPrediction {
  model: ModelName;
  prediction: Prediction;
  explanation: Explanation;
}

/** An entry of `readAll`: its index among the pictures, with what was read or with the error. */
export type ReadEntry =
  | { index: number; reading: Reading | ReadDocument; error?: undefined }
  | { index: number; error: Error; reading?: undefined };

export interface KeptCorrection {
  /** The name of its files in the operator's folder. */
  id: string;
}

export interface Tensor {
  name: string;
  dtype: string;
  /** A name stands for a dimension of variable size. */
  shape: (number | string)[];
}

export interface Metric {
  name: string;
  value: number;
  /** What it was measured on. */
  data: string;
  /** The 95 % confidence interval. */
  interval: [number, number] | null;
}

/** Where a version came from and what it reaches. */
export interface Manifest extends ModelName {
  /** ISO 8601, UTC. */
  created: string;
  labels: string[];
  inputs: Tensor[];
  outputs: Tensor[];
  /** Of the float32 graph. */
  sha256: string;
  bytes: number;
  parameters: number;
  /** The least confidence with which a digit is accepted. */
  threshold: number;
  temperature: number;
  data: Record<string, unknown>;
  seed: number;
  config: Record<string, unknown>;
  libraries: Record<string, string>;
  metrics: Metric[];
  parity: { data: string; batch_sizes: number[]; max_abs_difference: number; equal_argmax: boolean };
  /** The int8 graph of the same network; null if there is none. */
  int8: {
    sha256: string;
    bytes: number;
    calibration: string;
    metrics: Metric[];
    agreement: { data: string; equal_share: number; max_abs_difference: number };
  } | null;
  commit: string | null;
  machine: string | null;
  recipe: string | null;
  /** The steps that it was made from. */
  parents: {
    name: string;
    kind: string;
    sha256: string;
    inputs: string[];
    settings: Record<string, unknown>;
    commit: string | null;
    machine: string;
    seconds: number;
    peak_bytes: number | null;
  }[];
}

export type Device = "cpu" | "cuda" | "tensorrt";
export type Precision = "float32" | "int8";

/** A served version. */
export interface Model {
  /** What it really runs on. */
  device: Device;
  precision: Precision;
  /** What numbers that are sent as images mean. */
  scale: string;
  manifest: Manifest;
  /** What `python -m training audit` measured of it, if it was audited. */
  audit?: Audit;
}

export interface Audit {
  /** Of the model.onnx that was audited. */
  sha256: string;
  /** ISO 8601, UTC. */
  date: string;
  commit: string | null;
  tools: Record<string, string>;
  /** Whether it was measured on few pictures, to test the audit itself. */
  quick: boolean;
  figures: Metric[];
  findings: string[];
  /** Why a check did not run, by its name. */
  not_run: Record<string, string>;
}

export interface Models {
  /** The name of the model that answers requests without `model`. */
  default: string;
  models: Model[];
}

export interface LoadedModel extends ModelName {
  device: Device;
  precision: Precision;
  /** Names under which the version can be asked for. */
  labels: string[];
  /** Images in the queue. */
  queued: number;
  /** Runs that failed in a row. */
  failed_runs: number;
  /** Why it cannot run; empty if it can. */
  problem: string;
}

export interface Health {
  status: "ready" | "not ready" | "stopping";
  /** Why it is not ready; empty if it is. */
  reason: string;
  /** Of the service. */
  version: string;
  pid: number;
  uptime_s: number;
  device: Device;
  default_model: string;
  /** Whether `correct` keeps what users put right. */
  corrections: boolean;
  models: LoadedModel[];
  /** Files of models that were refused. */
  refused: { name: string; entry: string; reason: string }[];
}

/** An RFC 9457 problem document, as the service sends it. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  error: string;
  picture?: number;
}

/** What a `Problem` is made of. */
export interface ProblemMembers {
  type?: string;
  title: string;
  status: number;
  detail: string;
  picture?: number | null;
  retryAfter?: number | null;
  cause?: unknown;
}

/** An error answer of the service (an RFC 9457 problem document), or a request that got no answer. */
export class Problem extends Error {
  constructor(members: ProblemMembers);
  /** A URI that identifies the kind of problem and never changes. */
  readonly type: string;
  readonly title: string;
  /** The HTTP status; 0 if no answer arrived. */
  readonly status: number;
  readonly detail: string;
  /** The index of the picture that caused the problem, from 0; null if it is not about one picture. */
  readonly picture: number | null;
  /** Seconds to wait before the next try, if the service names them. */
  readonly retryAfter: number | null;
}

/** The functions below, with options of their own. */
export interface Client {
  predict: typeof predict;
  read: typeof read;
  readDocument: typeof readDocument;
  readAll: typeof readAll;
  explain: typeof explain;
  correct: typeof correct;
  ready: typeof ready;
  models: typeof models;
  health: typeof health;
}

/** The functions below with these options, unless a call has its own. */
export function connect(defaults?: CallOptions): Client;

/** Reads pictures that show one digit each: a single picture, or an array of them. Rejects with a `Problem`. */
export function predict(
  pictures: Picture | Pictures,
  options: PredictOptions & { onError: "each" },
): Promise<Predictions<Prediction | FailedPrediction>>;
export function predict(
  pictures: Picture | Pictures,
  options?: PredictOptions & { onError?: "fail" },
): Promise<Predictions>;

/** Reads a picture that shows several digits, on one line or more. Rejects with a `Problem`. */
export function read(picture: Picture, options?: ReadOptions): Promise<Reading>;

/** Reads a PDF document, or a TIFF file of several pages. Rejects with a `Problem`. */
export function readDocument(file: Picture, options?: ReadDocumentOptions): Promise<ReadDocument>;

/**
 * Reads many pictures or documents, a few at a time. Resolves to an entry for each, in their order; an error of one is in
 * its entry. Rejects with the signal's reason, or with the error of the iterable or of a callback.
 */
export function readAll(
  pictures: Iterable<Picture> | AsyncIterable<Picture> | Instance<"FileList">,
  options?: ReadAllOptions,
): Promise<ReadEntry[]>;

/** Reads a picture of one digit and explains which pixels are evidence for it. Rejects with a `Problem`. */
export function explain(picture: Picture, options?: ExplainOptions): Promise<ExplainedPrediction>;

/** Sends a picture with its right digits, or "none", for models to learn from. Rejects with a `Problem`. */
export function correct(picture: Picture, digits: string, options?: CorrectOptions): Promise<KeptCorrection>;

/** Whether the service can be reached and accepts requests. */
export function ready(options?: CallOptions): Promise<boolean>;

/** The default model and every version that is served, with its manifest. Rejects with a `Problem`. */
export function models(options?: CallOptions): Promise<Models>;

/** The state of the service: its device, models and queue. Rejects with a `Problem`. */
export function health(options?: CallOptions): Promise<Health>;
