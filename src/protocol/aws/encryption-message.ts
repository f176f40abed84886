// A message of the AWS Encryption SDK for one RSA key (AWS Encryption SDK Developer Guide: "Message format reference", "Algorithms reference").
//
// Version 1, suite 0x0178: AES-256-GCM under a key derived by HKDF-SHA-256, no signature, no encryption context; framed, in one final frame.
import { constants, createCipheriv, hkdfSync, publicEncrypt, type KeyObject } from 'node:crypto';
import { assert } from '../../base/assert';

/** Whose key the data key is wrapped with, as the reader's master key names it. */
export interface WrappingKey {
  readonly provider: string;
  readonly name: string;
  /** RSA. */
  readonly key: KeyObject;
}

const suiteId = 0x0178;
const dataKeyBytes = 32;
const messageIdBytes = 16;
const ivBytes = 12;
/** What one frame holds at most, as the header says it. */
export const frameBytesMax = 65_536;
const finalFrameMark = Buffer.alloc(4, 0xff);
const finalFrameText = Buffer.from('AWSKMSEncryptionClient Final Frame');

function uint(bytes: 1 | 2 | 4 | 8, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, Math.max(0, bytes - 6), Math.min(bytes, 6));
  return buffer;
}

const counted = (bytes: Buffer): Buffer => Buffer.concat([uint(2, bytes.length), bytes]);

function sealed(key: Buffer, iv: Buffer, associated: Buffer, content: Buffer): { readonly content: Buffer; readonly tag: Buffer } {
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(associated);
  return { content: Buffer.concat([cipher.update(content), cipher.final()]), tag: cipher.getAuthTag() };
}

/** @param random unpredictable bytes, for the data key and the message's id */
export function encryptionMessage(content: Buffer, wrapping: WrappingKey, random: (count: number) => Buffer): Buffer {
  assert(content.length <= frameBytesMax, 'the content fits one frame');
  const [dataKey, messageId] = [random(dataKeyBytes), random(messageIdBytes)];
  // RSA/ECB/OAEPWithSHA-256AndMGF1Padding, with SHA-256 for MGF1 as well.
  const wrapped = publicEncrypt({ key: wrapping.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, dataKey);
  const header = Buffer.concat([
    uint(1, 1), uint(1, 0x80), uint(2, suiteId), messageId, uint(2, 0), uint(2, 1),
    counted(Buffer.from(wrapping.provider)), counted(Buffer.from(wrapping.name)), counted(wrapped),
    uint(1, 2), uint(4, 0), uint(1, ivBytes), uint(4, frameBytesMax),
  ]);
  const key = Buffer.from(hkdfSync('sha256', dataKey, Buffer.alloc(0), Buffer.concat([uint(2, suiteId), messageId]), dataKeyBytes));
  const headerIv = Buffer.alloc(ivBytes);
  const headerTag = sealed(key, headerIv, header, Buffer.alloc(0)).tag;
  // The first frame is number 1, and its number is its IV.
  const [number, iv] = [uint(4, 1), Buffer.concat([Buffer.alloc(ivBytes - 4), uint(4, 1)])];
  const frame = sealed(key, iv, Buffer.concat([messageId, finalFrameText, number, uint(8, content.length)]), content);
  return Buffer.concat([header, headerIv, headerTag, finalFrameMark, number, iv, uint(4, content.length), frame.content, frame.tag]);
}
