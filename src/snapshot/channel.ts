// The ways between workers and nodes put together: a node takes one of them, a worker all that are there.
import { closeAll } from '../base/service';
import { startNatsSubscriber } from './nats/nats-subscriber';
import type { NatsAccess } from './nats/nats';
import type { Publisher } from './publisher';
import { startSubscriber, type Subscriber, type SubscriberOptions } from './subscriber';

export interface ChannelOptions extends SubscriberOptions {
  /** Null: over the workers' sockets. */
  readonly nats: NatsAccess | null;
}

/** @throws Fault `bad-setting`, `data-dir-in-use`, `data-dir-broken` */
export function startChannel({ nats, ...options }: ChannelOptions): Promise<Subscriber> {
  return nats === null ? startSubscriber(options) : startNatsSubscriber({ ...options, access: nats });
}

/** Several publishers of one snapshot as one: nodes may be moved from one to another while it runs. */
export function together(publishers: readonly Publisher[]): Publisher {
  return {
    publish: () => publishers.forEach((publisher) => publisher.publish()),
    tellFleet: (edges) => publishers.forEach((publisher) => publisher.tellFleet(edges)),
    tellKeys: () => publishers.forEach((publisher) => publisher.tellKeys()),
    recheck: (keys) => publishers.forEach((publisher) => publisher.recheck(keys)),
    nodes: () => publishers.flatMap((publisher) => publisher.nodes()),
    refusals: () => publishers.flatMap((publisher) => publisher.refusals()),
    close: () => closeAll(publishers),
  };
}
