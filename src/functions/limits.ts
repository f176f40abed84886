// What a function may use, each limit in one place with its unit and its source.

/** guide: cloudfront-limits, Quotas on CloudFront Functions: 10 KB, not adjustable. */
export const codeBytesMax = 10_240;
/** API Reference, TestFunction: EventObject. */
export const eventBytesMax = 40_960;
/**
 * What a function's values and the runtime's own may take together. CloudFront gives a function 2 MB; QuickJS holds the
 * same values in about as much, and its built-in objects with ours, once made, are some 0.5 MB.
 */
export const memoryBytesMax = 4 * 1024 * 1024;
/**
 * WebAssembly pages (64 KiB) of a thread's interpreter: 16 MiB, which the build asks for, its stack of 5 MiB included, to
 * 20 MiB. This is the limit that holds: built with Emscripten, QuickJS does not learn how large its blocks became, so that its own
 * limit counts single blocks only; with it alone a run took 2 GB of typed arrays.
 */
export const sandboxPagesInitial = 256;
export const sandboxPagesMax = 320;
/** Stack of the interpreter, below what WebAssembly itself has: recursion ends in an error that the function can catch. */
export const stackBytesMax = 192 * 1024;
/**
 * A run's computing time; waiting for a key value store does not count. CloudFront publishes a figure for connection
 * functions only, 5 ms of its machines; QuickJS takes some four times as long as its engine does.
 */
export const computeMsMax = 20;
/**
 * Times that QuickJS must have asked whether to go on (every 10,000 branches or calls, which takes some 0.1 ms) before
 * the time counts: a function that computed little is not stopped because the machine was busy with something else.
 */
export const computeTicksMin = 20;
/** However little it computed; a machine that is busy with something else can keep a thread waiting for hundreds of milliseconds. */
export const computeMsHardMax = 1000;
/** A run that the interpreter cannot stop, in native code that asks nobody, is ended with its thread after this long. */
export const hangMsMax = 3000;
/** guide: cloudfront-function-restrictions, Logs: truncated at 10 KB. */
export const logBytesMax = 10_240;
export const logLinesMax = 100;
/** Characters of what a function returns, as JSON. */
export const outputCharsMax = 256 * 1024;
/** Body of a response that a function makes. CloudFront publishes no figure; this is Lambda@Edge's for viewer events. */
export const bodyBytesMax = 40_960;
/** guide: edge-function-restrictions-all, URI: with the query string, less than 8,192 characters. */
export const uriCharsMax = 8191;
/** guide: write-connection-function-code: custom data of the connection log. */
export const customDataBytesMax = 800;
/** Reads of a key value store by one run. */
export const lookUpsMax = 100;
/** An answer of the store that takes longer is an error in the function. */
export const lookUpMsMax = 1000;
/** Runs that may wait for a thread, per function. */
export const runsQueuedMax = 1000;
