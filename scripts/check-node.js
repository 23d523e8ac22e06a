// Runs on whatever Node is at hand, so that a missing bundled Node gives one clear line and not a stack trace.
const major = Number(process.versions.node.split('.')[0]);
if (major < 26) {
  console.error(
    `promoledger needs Node 26, which the npm package "node" brings with it, but this is Node ${process.versions.node}: ` +
      'install scripts seem to be switched off. Run "npm rebuild node --ignore-scripts=false" once, or use Node 26 yourself.',
  );
  process.exit(1);
}
