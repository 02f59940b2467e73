// A child process in a network namespace: `listen HOST:PORT=WORD ...` says its word to whoever connects; `ask HOST PORT UID`
// connects as that user and prints the word it hears, or why there is none.
import net from 'node:net';

const [action, ...words] = process.argv.slice(2);

if (action === 'listen') {
  await Promise.all(
    words.map((text) => {
      const [, host = '', port, word] = /^(.*):(\d+)=(.*)$/.exec(text) ?? [];
      const server = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.end(word ?? '');
      });
      return new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(Number(port), host, resolve);
      });
    }),
  );
  process.stdout.write('ready\n');
} else {
  const [host, port, uid] = words;
  process.setuid?.(Number(uid));
  const socket = net.connect({ host: host!, port: Number(port) });
  socket.on('data', (data) => process.stdout.write(data));
  socket.on('error', (error: NodeJS.ErrnoException) => process.stdout.write(`${error.code}`));
}
