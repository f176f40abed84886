// What an edge knows of the fleet that it is part of, as far as edges stand in for origins.
import type { Marks } from './marks';
import type { Peers } from './peers';
import type { Position } from './position';

export interface ShieldTier {
  readonly marks: Marks;
  readonly peers: Peers;
  readonly position: Position;
  /** Edges can be met over TLS: they have a certificate in common. */
  readonly canEncrypt: () => boolean;
}
