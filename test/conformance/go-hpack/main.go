// Decodes HPACK blocks with Go's decoder. Each line of standard input is `SIZE HEX`: the table size that the decoder
// allows from then on, and a block. For each it prints the fields as a JSON list of [name, value] in base64.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/net/http2/hpack"
)

func main() {
	decoder := hpack.NewDecoder(4096, nil)
	inUse := uint32(4096)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for number := 1; lines.Scan(); number++ {
		var size uint32
		var block string
		_, err := fmt.Sscanf(lines.Text(), "%d %s", &size, &block)
		fail(number, err)
		wire, err := hex.DecodeString(block)
		fail(number, err)
		// Go's decoder goes on with its old size where none is announced; RFC 7541, section 4.2, wants it announced first.
		if size < inUse && (len(wire) == 0 || wire[0]&0xe0 != 0x20) {
			fail(number, fmt.Errorf("the table was lowered from %d to %d bytes and the block does not say so", inUse, size))
		}
		inUse = min(size, 4096)
		decoder.SetAllowedMaxDynamicTableSize(size)
		fields, err := decoder.DecodeFull(wire)
		fail(number, err)
		list := [][2][]byte{}
		for _, field := range fields {
			list = append(list, [2][]byte{[]byte(field.Name), []byte(field.Value)})
		}
		fail(number, out.Encode(list))
	}
	fail(0, lines.Err())
}

func fail(line int, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "line %d: %v\n", line, err)
		os.Exit(1)
	}
}
