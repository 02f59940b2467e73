// The echo service of test/support/echo-service.ts on grpc-go: server and client of raw bytes, without generated code.
// Tests start it on both ends of a mesh to see what a user of grpc-go sees.
//
//	echo server [--name NAME] [--listen HOST:PORT]                serves until its standard input ends, or SIGTERM
//	echo client --addr HOST:PORT --authority NAME --case NAME     exit code 0, or 1 and one sentence on stderr
//
// A client whose case went well keeps its connection until its standard input ends, too.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"google.golang.org/grpc"
)

const (
	maxMessageBytes = 64 << 20

	unaryMethod        = "/test.Echo/Unary"
	clientStreamMethod = "/test.Echo/ClientStream"
	serverStreamMethod = "/test.Echo/ServerStream"
	bidiMethod         = "/test.Echo/Bidi"
)

var (
	clientStreamDesc = grpc.StreamDesc{StreamName: "ClientStream", ClientStreams: true}
	serverStreamDesc = grpc.StreamDesc{StreamName: "ServerStream", ServerStreams: true}
	bidiDesc         = grpc.StreamDesc{StreamName: "Bidi", ClientStreams: true, ServerStreams: true}
)

// rawCodec takes a message as the bytes it is. Its name becomes the content-subtype, one that no proxy can know.
type rawCodec struct{}

func (rawCodec) Name() string { return "raw" }

func (rawCodec) Marshal(message any) ([]byte, error) {
	bytes, ok := message.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("a raw message is a *[]byte, not a %T", message)
	}
	return *bytes, nil
}

func (rawCodec) Unmarshal(data []byte, message any) error {
	bytes, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("a raw message is a *[]byte, not a %T", message)
	}
	*bytes = data
	return nil
}

// sources is a digest of the files that this program was built from; the build sets it.
var sources = "unknown"

func main() {
	if len(os.Args) < 2 {
		fail("say what to be: server, client, load or sources")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var err error
	switch os.Args[1] {
	case "server":
		name := flags.String("name", "echo", "what the server calls itself in x-endpoint")
		maxStreams := flags.Uint("max-streams", 0, "calls at once on one connection; 0: any number")
		listen := flags.String("listen", "127.0.0.1:0", "HOST:PORT to serve at")
		_ = flags.Parse(os.Args[2:])
		err = serve(*name, *listen, *maxStreams)
	case "client":
		addr := flags.String("addr", "", "HOST:PORT to dial")
		authority := flags.String("authority", "echo", "the :authority of each call")
		name := flags.String("case", "", "one of "+caseNames())
		_ = flags.Parse(os.Args[2:])
		err = runCase(*addr, *authority, *name)
	case "sources":
		fmt.Println(sources)
	case "load":
		addr := flags.String("addr", "", "HOST:PORT,HOST:PORT to dial")
		authority := flags.String("authority", "echo", "the :authority of each call")
		atOnce := flags.Int("at-once", 10, "calls at once")
		wait := flags.Bool("wait-for-ready", false, "calls wait where nothing can be reached")
		_ = flags.Parse(os.Args[2:])
		err = load(*addr, *authority, *atOnce, *wait)
	default:
		err = fmt.Errorf("%q is neither server, client, load nor sources", os.Args[1])
	}
	if err != nil {
		fail(err.Error())
	}
}

func fail(sentence string) {
	fmt.Fprintln(os.Stderr, sentence)
	os.Exit(1)
}

func caseNames() string {
	var names []string
	for name := range cases {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
