// What kind of device a viewer is, told from its User-Agent (guide: adding-cloudfront-headers, device type).
import { Memo } from '../base/memo';

/** A device may be of several kinds; guide: "for some tablet devices, CloudFront sets both". */
export interface Device {
  readonly android: boolean;
  readonly ios: boolean;
  readonly desktop: boolean;
  readonly mobile: boolean;
  readonly smartTv: boolean;
  readonly tablet: boolean;
}

/** No browser says more; what is longer is judged by its beginning. */
const userAgentCharsMax = 512;
/** Told apart by half a microsecond of looking for words, or remembered. */
const rememberedMax = 4_096;

const windowsPhone = /windows phone|iemobile/i;
const tv = /smart-?tv|hbbtv|apple ?tv|google ?tv|android tv|bravia|netcast|nettv|web0s|tizen .*tv|roku|crkey|viera|\baft[a-z]+\b|dtv\b/i;
const tabletWord = /ipad|tablet|playbook|kindle|\bsilk\b|\bkf[a-z]{2,5}\b|nexus (?:7|9|10)\b/i;
const mobileWord = /mobi|iphone|ipod|android.*phone|blackberry|\bbb10\b|opera mini|symbian|\bkaios\b|webos\//i;
const androidWord = /android/i;
const iosWord = /ipad|iphone|ipod/i;
const mobileAndroid = /mobile/i;

const remembered = new Memo<string, Device>(rememberedMax);

/** @param userAgent undefined: the viewer sent none, and counts as a desktop, as does whatever is not known */
export function deviceOf(userAgent: string | undefined): Device {
  const text = (userAgent ?? '').slice(0, userAgentCharsMax);
  let device = remembered.get(text);
  if (device === undefined) remembered.set(text, device = judged(text));
  return device;
}

function judged(text: string): Device {
  const smartTv = tv.test(text);
  // Windows Phones call themselves Android and iPhone beside what they are.
  const windows = windowsPhone.test(text);
  const android = !windows && androidWord.test(text);
  const ios = !windows && iosWord.test(text);
  // Android's own rule: a phone says Mobile, a tablet does not.
  const tablet = !smartTv && (tabletWord.test(text) || (android && !mobileAndroid.test(text)));
  const mobile = !smartTv && (windows || mobileWord.test(text));
  return { android, ios, smartTv, tablet, mobile, desktop: !smartTv && !tablet && !mobile };
}
