/** What is said on the console: nothing that opens doors, and by default only what somebody should know. */

export enum LogLevels {
  DEBUG = 0,
  INFO = 1,
  WARN = 2,
  ERROR = 3,
  NONE = 4,
}

let least = LogLevels.WARN;

export function setLogLevel(level: LogLevels): void {
  least = level;
}

const METHODS = ['debug', 'info', 'warn', 'error'] as const;

export function log(level: Exclude<LogLevels, LogLevels.NONE>, ...words: unknown[]): void {
  if (level >= least) console[METHODS[level]]('downstage:', ...words);
}
