/** The client library: stages by the API that applications of Amazon IVS Real-Time know, and some things more (docs/client.md). */

export * from './extras';
export * from './stage';
