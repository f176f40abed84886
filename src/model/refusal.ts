// A request the model turns down, in CloudFront's own terms: an error code from the SDK's model and a message.
import { Fault } from '../base/fault';

/** `code` is an error of the CloudFront API (`NoSuchDistribution`, `InvalidArgument` …); its status comes from the SDK's model. */
export class Refusal extends Fault {
  override readonly name = 'Refusal';
  constructor(readonly code: string, message: string) {
    super(code, 'caller', message);
  }
}

/** Turns the request down. */
export function refuse(code: string, message: string): never {
  throw new Refusal(code, message);
}
