import { text } from 'node:stream/consumers';
import { createProjection } from '@kurrent/projections-testing';
import type { EngineAnswer, EngineCase } from './engine.ts';

/**
 * Runs server scripts on KurrentDB's own projection engine: cases as JSON on stdin, an answer each as JSON on stdout. In a
 * process of its own, which may have to be started through the loader of another libc (see engine.ts).
 */
const cases = JSON.parse(await text(process.stdin)) as readonly EngineCase[];
process.stdout.write(JSON.stringify(cases.map(answer)));

function answer({ script, engineVersion, events }: EngineCase): EngineAnswer {
  const revisions = new Map<string, number>();
  const test = createProjection<object>(script, { engineVersion }).test();
  try {
    for (const { stream, type, data } of events) {
      const sequenceNumber = (revisions.get(stream) ?? -1) + 1;
      revisions.set(stream, sequenceNumber);
      const step = test.feed({ eventType: type, streamId: stream, sequenceNumber, isJson: true, data });
      if (step.status !== 'processed') return { fault: `${type} in ${stream} was skipped: ${step.reason}` };
    }
    return { states: Object.fromEntries([...revisions.keys()].map((stream) => [stream, test.getState(stream)])) };
  } catch (error) {
    return { fault: (error as Error).message };
  } finally {
    test.dispose();
  }
}
