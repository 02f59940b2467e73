// Takes spans over OTLP/HTTP, counts the requests and the bytes, and throws them away. Argument: PORT
import http from 'node:http';

const server = http.createServer((request, response) => {
  request.resume();
  // An empty ExportTraceServiceResponse: all were taken.
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
server.listen(Number(process.argv[2]), '127.0.0.1');
