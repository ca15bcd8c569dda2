/** A picture of any size and colours. Pixels that are not in a file yet are sent as PNG. */
export type Picture = Blob | HTMLCanvasElement | OffscreenCanvas | ImageBitmap | ImageData;

export interface Options {
  /** The model's name. Default: the service's default model. */
  model?: string;
  /** A version of the model, or its label. Default: the newest. */
  version?: number | string;
  /** Aborts the request: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Time limit in milliseconds for the whole call, retries included. Default: 15,000. */
  timeoutMs?: number;
  /** How often to retry while the service is busy (503), each time after the seconds it names. Default: 2. */
  retries?: number;
  /** The base URL of the service. Default: where this module was loaded from. */
  service?: string | URL;
  /** The API key, if the service requires one. Every visitor of your page can read it, so use a separate key. */
  apiKey?: string;
}

export interface PredictOptions extends Options {
  /** Also returns the 28 x 28 image that the model received. */
  returnImage?: boolean;
}

export interface ExplainOptions extends PredictOptions {
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
  /** A template that the service's operator keeps, by its name. */
  template?: string;
}

export interface ReadDocumentOptions extends ReadOptions {
  /** Which pages to read, such as "2-5" or "1,4-6". Default: all. */
  pages?: string;
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

export interface Predictions {
  model: ModelName;
  /** One for each picture, in the order of the request. */
  predictions: Prediction[];
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

export interface Models {
  /** The name of the model that answers requests without `model`. */
  default: string;
  models: {
    device: string;
    precision: string;
    manifest: ModelName & { threshold: number; [member: string]: unknown };
  }[];
}

export interface Health {
  status: string;
  device: string;
  uptime_s: number;
  [member: string]: unknown;
}

/** An error answer of the service (an RFC 9457 problem document), or a request that got no answer. */
export class Problem extends Error {
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

/** Reads pictures that show one digit each: a single picture, or an array of them. Rejects with a `Problem`. */
export function predict(pictures: Picture | Picture[], options?: PredictOptions): Promise<Predictions>;

/** Reads a picture that shows several digits, on one line or more. Rejects with a `Problem`. */
export function read(picture: Picture, options?: ReadOptions): Promise<Reading>;

/** Reads a PDF document, or a TIFF file of several pages. Rejects with a `Problem`. */
export function readDocument(file: Blob, options?: ReadDocumentOptions): Promise<ReadDocument>;

/** Reads a picture of one digit and explains which pixels are evidence for it. Rejects with a `Problem`. */
export function explain(picture: Picture, options?: ExplainOptions): Promise<ExplainedPrediction>;

/** Whether the service can be reached and accepts requests. */
export function ready(options?: Pick<Options, "signal" | "timeoutMs" | "service">): Promise<boolean>;

/** The default model and every version that is served, with its manifest. Rejects with a `Problem`. */
export function models(
  options?: Pick<Options, "signal" | "timeoutMs" | "retries" | "service" | "apiKey">,
): Promise<Models>;

/** The state of the service: its device, models and queue. Rejects with a `Problem`. */
export function health(
  options?: Pick<Options, "signal" | "timeoutMs" | "retries" | "service" | "apiKey">,
): Promise<Health>;
