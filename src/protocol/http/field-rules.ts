// What bytes a field's name and value may have, whatever version of HTTP carried them (RFC 9110 section 5, RFC 9113 section 8.2.1).

const lowerToken = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** HTAB, SP, VCHAR, obs-text: what RFC 9110 section 5.5 leaves of a byte. */
const notInValue = /[^\t\x20-\x7e\x80-\xff]/;
const edgeWhiteSpace = /^[\t ]|[\t ]$/;

/** Why a field as HTTP/2 carries it must be refused; null: it is well-formed. A pseudo-field's name is its caller's to know. */
export function fieldProblem(name: string, value: string): string | null {
  if (!lowerToken.test(name.charCodeAt(0) === 0x3a ? name.slice(1) : name)) return 'field-name-invalid';
  if (notInValue.test(value)) return 'field-value-invalid';
  return edgeWhiteSpace.test(value) ? 'field-value-white-space' : null;
}
