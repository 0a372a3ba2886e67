package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// cpuinfo returns the fields of the first processor of /proc/cpuinfo, or of its sum on a system
// without that file.
func cpuinfo() map[string]string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		if brand, err := exec.Command("sysctl", "-n", "machdep.cpu.brand_string").Output(); err == nil {
			return map[string]string{"model name": strings.TrimSpace(string(brand))}
		}
		return nil
	}
	return fieldsOf(string(info))
}

// fieldsOf returns the first value of each field of a cpuinfo.
func fieldsOf(info string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, seen := fields[name]; ok && !seen {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

// processor returns the name of this processor's raw file, or "" if the system does not tell enough.
func processor() string { return processorOf(cpuinfo()) }

// vendors are short names of vendors in cpuinfo.
var vendors = map[string]string{"AuthenticAMD": "amd", "GenuineIntel": "intel"}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// processorOf returns vendor-family-model on x86, the implementer and the part on ARM, and else the
// name of the processor with hyphens.
func processorOf(f map[string]string) string {
	var name string
	switch {
	case f["cpu family"] != "" && f["model"] != "":
		vendor, ok := vendors[f["vendor_id"]]
		if !ok {
			vendor = f["vendor_id"]
		}
		name = vendor + "-" + f["cpu family"] + "-" + f["model"]
	case f["CPU implementer"] != "" && f["CPU part"] != "":
		name = "arm-" + f["CPU implementer"] + "-" + f["CPU part"]
	default:
		name = f["model name"]
	}
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// machineText returns the name, the model and the cache size of the processor, or what is known of it.
func machineText() string {
	f := cpuinfo()
	switch {
	case f["cpu family"] != "":
		return fmt.Sprintf("%s, family %s model %s, %s", f["model name"], f["cpu family"], f["model"], f["cache size"])
	case f["CPU part"] != "":
		return fmt.Sprintf("implementer %s part %s", f["CPU implementer"], f["CPU part"])
	case f["model name"] != "":
		return f["model name"]
	}
	return "unknown processor"
}
