/**
 * A payload may be a reference to storage outside of Temporal. The SDK resolves references before orrery's converters
 * see a payload. A reference that it cannot resolve fails the task again and again, so a single signal could stop a
 * campaign. orrery stores nothing outside of Temporal. So a reference is handled like a payload that cannot be decoded:
 * it is refused or ignored.
 */
import { ExternalStorage, type Payload, type StorageDriver } from '@temporalio/common';
import { ProtobufJsonPayloadConverter } from '@temporalio/common/lib/protobufs.js';

const REFERENCE = 'temporal.api.sdk.v1.ExternalStorageReference';
/** An encoding that no converter decodes. */
const UNREADABLE: Payload = { metadata: { encoding: new TextEncoder().encode('orrery/reference') } };

/** A driver for every storage that a reference can name. */
const nobody: StorageDriver = {
  name: 'nobody',
  type: 'orrery.nobody',
  store: () => Promise.reject(new Error('orrery keeps no payload outside of Temporal')),
  retrieve: async (_context, claims) => claims.map(() => UNREADABLE),
};

class NoStorage extends ExternalStorage {
  constructor() {
    super({ drivers: [nobody], driverSelector: () => null });
  }
  override getDriver(): StorageDriver {
    return nobody;
  }
}

/** `externalStorage` of a worker's data converter. */
export function noStorage(): ExternalStorage {
  acceptMalformedReferences();
  return new NoStorage();
}

const PATCHED = Symbol.for('orrery.malformedReferences');

/**
 * The SDK calls the driver only after it has parsed the reference, and has no setting for a reference that does not
 * parse (seen in 1.24.0). So the parser, which orrery uses for nothing else, handles those.
 */
function acceptMalformedReferences(): void {
  const converter = ProtobufJsonPayloadConverter.prototype as ProtobufJsonPayloadConverter & { [PATCHED]?: true };
  if (converter[PATCHED]) return;
  const { fromPayload } = converter;
  converter[PATCHED] = true;
  converter.fromPayload = function <T>(this: ProtobufJsonPayloadConverter, payload: Payload): T {
    if (!isReference(payload)) return fromPayload.call(this, payload) as T;
    try {
      const reference = fromPayload.call(this, payload) as { driverName?: string };
      if (reference.driverName) return reference as T;
    } catch {
      // Recognised by its marker.
    }
    return { driverName: nobody.name, claimData: {} } as T;
  };
}

function isReference({ metadata }: Payload): boolean {
  const type = metadata?.messageType;
  return type !== undefined && type !== null && new TextDecoder().decode(type) === REFERENCE;
}
