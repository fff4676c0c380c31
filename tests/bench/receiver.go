// receiver: what one would write with Go's standard library: net/http,
// encoding/json, a line for each alert.
//
//	receiver PORT
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

type notification struct {
	Receiver string  `json:"receiver"`
	Status   string  `json:"status"`
	Alerts   []alert `json:"alerts"`
	GroupKey string  `json:"groupKey"`
}

var (
	mutex sync.Mutex
	out   = bufio.NewWriterSize(os.Stdout, 65536)
)

func print(a *alert) {
	rest := make([]string, 0, len(a.Labels))
	for name, value := range a.Labels {
		if name != "alertname" && name != "severity" {
			rest = append(rest, fmt.Sprintf("%s=%q", name, value))
		}
	}
	sort.Strings(rest)
	fmt.Fprintf(out, "%s %s %s %s{%s} %s\n",
		a.StartsAt.Format(time.RFC3339), strings.ToUpper(a.Status),
		a.Labels["severity"], a.Labels["alertname"],
		strings.Join(rest, ","), a.Annotations["summary"])
}

func webhook(w http.ResponseWriter, r *http.Request) {
	var n notification
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	mutex.Lock()
	for i := range n.Alerts {
		print(&n.Alerts[i])
	}
	err := out.Flush() // nobody gets a 200 for a line that could be lost
	mutex.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, "accepted %d alerts\n", len(n.Alerts))
}

func main() {
	http.HandleFunc("/webhook", webhook)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
