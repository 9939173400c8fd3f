// The command of the AWS CLI that does the same as a call.

import type { Input, OperationName } from './shapes';

/** `aws ivs-realtime create-stage --name demo`, one argument on each line where there are many. */
export function cliCommand<Name extends OperationName>(name: Name, input: Input<Name>): string {
  const words = ['aws', 'ivs-realtime', kebab(name)].join(' ');
  const given = Object.entries(input as Readonly<Record<string, unknown>>).filter(([, value]) => value !== undefined);
  if (given.some(([, value]) => mentionsFile(value))) {
    // The CLI takes such a value for the name of a file to read.
    return `${words} --cli-input-json ${quote(JSON.stringify(input))}`;
  }
  const options = given.map(([member, value]) => optionOf(member, value));
  const line = [words, ...options].join(' ');
  return line.length <= 100 && !line.includes('\n') ? line : [words, ...options].join(' \\\n  ');
}

/** What a shell needs before: where the server is, and as whom. */
export function cliSetup(origin: string, accessKeyId: string, region: string, secretAccessKey?: string): string {
  return [
    `export AWS_ENDPOINT_URL_IVS_REALTIME=${quote(origin)}`,
    `export AWS_ACCESS_KEY_ID=${quote(accessKeyId)} AWS_SECRET_ACCESS_KEY=${secretAccessKey === undefined ? '…' : quote(secretAccessKey)}`,
    `export AWS_REGION=${quote(region)} AWS_DEFAULT_REGION=${quote(region)}`,
  ].join('\n');
}

export function kebab(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

function optionOf(member: string, value: unknown): string {
  const flag = `--${kebab(member)}`;
  if (typeof value === 'boolean') return value ? flag : `--no-${kebab(member)}`;
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && /^[^-[{]/.test(item))) {
    return [flag, ...value.map(quote)].join(' ');
  }
  if (typeof value === 'object') return `${flag} ${quote(JSON.stringify(value))}`;
  const text = String(value);
  // A value that begins with a dash would be taken for an option.
  return text.startsWith('-') ? `${flag}=${quote(text)}` : `${flag} ${quote(text)}`;
}

function mentionsFile(value: unknown): boolean {
  return [value].flat().some((item) => typeof item === 'string' && /^(fileb?|https?):\/\//.test(item));
}

/** As one word of a POSIX shell. */
export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
