// A network of namespaces around one core: each has an address of its own, a delay, and a link that can be cut.
//
// Everything is made within the namespaces; nothing outside them is reached, and nothing outside reaches them.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../processes.mjs';

const delayLine = fileURLToPath(new URL('delay-line.py', import.meta.url));
const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
/** Written by us from within a namespace: its own settings of the kernel. */
const write = (namespace, file, value) => execFileSync('ip', ['netns', 'exec', namespace, 'sh', '-c', `echo ${value} > ${file}`]);

export class Network {
  /** @param {Readonly<Record<string, number>>} delays one way to the core, in ms, by the namespace's name */
  constructor(prefix, delays) {
    Object.assign(this, { prefix, delays, names: Object.keys(delays), core: `${prefix}-core` });
  }

  namespace(name) { return `${this.prefix}-${name}`; }
  network(name) { return `10.83.${this.names.indexOf(name) + 1}.0/24`; }
  address(name) { return `10.83.${this.names.indexOf(name) + 1}.2`; }
  gateway(name) { return `10.83.${this.names.indexOf(name) + 1}.1`; }

  /** Makes it; it is gone when the place closes. */
  async build(place) {
    for (const namespace of [this.core, ...this.names.map((name) => this.namespace(name))]) {
      ip('netns', 'add', namespace);
      place.onClose(() => ip('netns', 'del', namespace));
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
    write(this.core, '/proc/sys/net/ipv4/ip_forward', 1);
    const { output } = place.launch('ip', ['netns', 'exec', this.core, 'python3', delayLine, ...Object.values(this.delays).map(String)]);
    await until(() => output().includes('ready'), 'the delay line');
    for (const [number, name] of this.names.entries()) {
      ip('-n', this.core, 'address', 'add', `${this.gateway(name)}/24`, 'dev', `near${number}`);
      ip('-n', this.core, 'link', 'set', `near${number}`, 'up');
      ip('-n', this.core, 'link', 'set', `far${number}`, 'netns', this.namespace(name));
      ip('-n', this.namespace(name), 'link', 'set', `far${number}`, 'name', 'eth0');
      ip('-n', this.namespace(name), 'address', 'add', `${this.address(name)}/24`, 'dev', 'eth0');
      this.mend(name);
    }
  }

  /** What runs a program in a namespace. */
  within(name, program, args) { return ['ip', ['netns', 'exec', this.namespace(name), program, ...args]]; }

  /** Takes a namespace's link away. */
  cut(name) { ip('-n', this.namespace(name), 'link', 'set', 'eth0', 'down'); }

  mend(name) {
    ip('-n', this.namespace(name), 'link', 'set', 'eth0', 'up');
    // Went with the link.
    ip('-n', this.namespace(name), 'route', 'replace', 'default', 'via', this.gateway(name));
  }

  /** What one sends to the other is lost without a word, both ways; everybody else reaches both. */
  part(one, other) { this.#between(one, other, 'add'); }
  join(one, other) { this.#between(one, other, 'del'); }

  #between(one, other, change) {
    for (const [from, to] of [[one, other], [other, one]]) ip('-n', this.core, 'rule', change, 'from', this.address(from), 'to', this.address(to), 'blackhole');
  }
}
