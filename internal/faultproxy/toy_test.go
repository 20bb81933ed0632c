package faultproxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	. "github.com/reprise-go/reprise/internal/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toy is a protocol of lines. The server says hello; to "!x", which is SQL, it
// says ".x", and to "-x" nothing. A line has no more than 100 bytes.
type toy struct{}

func (toy) Start(func() ([]byte, error), io.Writer) ([]byte, bool, error) { return nil, false, nil }

func (toy) Need(_ Dir, have []byte) (int, error) {
	if len(have) > 100 {
		return 0, errors.New("too long")
	}
	if bytes.HasSuffix(have, []byte("\n")) {
		return len(have), nil
	}
	return len(have) + 1, nil
}

func (toy) Read(dir Dir, raw []byte) Message {
	m := Message{Type: raw[0]}
	switch text := string(raw[1 : len(raw)-1]); {
	case dir == Down:
		m.Ends, m.Tag = true, text
	case raw[0] == '!':
		m.SQL, m.HasSQL, m.Asks, m.Waits = text, true, true, true
	}
	return m
}

func (toy) Sent(Message) {}

// start returns a proxy to a server of the protocol, which notes what it hears.
func start(t *testing.T) (*Proxy, *server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := new(server)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(c) })
		}
	})
	reply := When(Down, "reply", func(m *Message) bool { return m.Tag != "" })
	p, err := New(Protocol{Open: func() Conn { return toy{} }, Outcomes: []Trigger{SQL("")}, Messages: []Trigger{reply}}, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		l.Close()
		wg.Wait()
	})
	return p, s
}

type server struct {
	mu    sync.Mutex
	heard []string
}

func (s *server) serve(c net.Conn) {
	defer c.Close()
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return
	}
	for lines := bufio.NewScanner(c); lines.Scan(); {
		line := lines.Text()
		s.mu.Lock()
		s.heard = append(s.heard, line)
		s.mu.Unlock()
		if text, ok := strings.CutPrefix(line, "!"); ok {
			if _, err := io.WriteString(c, "."+text+"\n"); err != nil {
				return
			}
		}
	}
}

func (s *server) has(line string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.heard {
		if l == line {
			return true
		}
	}
	return false
}

// client is one of the proxy; the zero value could not connect.
type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, p *Proxy) client {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Error(err)
		return client{}
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Error(err)
	}
	got := client{c, bufio.NewReader(c)}
	if hello, err := got.lines.ReadString('\n'); hello != "hello\n" {
		t.Error(hello, err)
	}
	return got
}

// say says lines and returns the next line it hears.
func (c client) say(lines ...string) (string, error) {
	if c.Conn == nil {
		return "", nil
	}
	if _, err := io.WriteString(c, strings.Join(lines, "\n")+"\n"); err != nil {
		return "", err
	}
	return c.lines.ReadString('\n')
}
