package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// cpuinfo returns the fields of the first processor of /proc/cpuinfo, or of its sum on a system
// without that file.
func cpuinfo() map[string]string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		brand, err := exec.Command("sysctl", "-n", "machdep.cpu.brand_string").Output()
		if err != nil {
			return nil
		}
		return brandOf(string(brand))
	}
	return fieldsOf(string(info))
}

// brandOf returns the fields of the output of sysctl.
func brandOf(output string) map[string]string {
	return map[string]string{"model name": strings.TrimSpace(output)}
}

// partField has one value for each kind of core of an ARM processor.
const partField = "CPU part"

// fieldsOf returns the first value of each field of a cpuinfo. Of partField it returns all that differ,
// with commas between them.
func fieldsOf(info string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch old, seen := fields[name]; {
		case !seen:
			fields[name] = value
		case name == partField && !slices.Contains(strings.Split(old, ","), value):
			fields[name] = old + "," + value
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
// name of the processor with hyphens. It is "" if there are several kinds of cores, because nothing
// tells on which of them a benchmark runs.
func processorOf(f map[string]string) string {
	var name string
	switch {
	case f["cpu family"] != "" && f["model"] != "":
		vendor, ok := vendors[f["vendor_id"]]
		if !ok {
			vendor = f["vendor_id"]
		}
		name = vendor + "-" + f["cpu family"] + "-" + f["model"]
	case strings.Contains(f[partField], ","):
		return ""
	case f["CPU implementer"] != "" && f[partField] != "":
		name = "arm-" + f["CPU implementer"] + "-" + f[partField]
	default:
		name = f["model name"]
	}
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// machineText returns the name, the model and the cache size of the processor, or what is known of it.
func machineText() string { return machineTextOf(cpuinfo()) }

func machineTextOf(f map[string]string) string {
	switch {
	case f["cpu family"] != "":
		return fmt.Sprintf("%s, family %s model %s, %s", f["model name"], f["cpu family"], f["model"], f["cache size"])
	case f[partField] != "":
		return fmt.Sprintf("implementer %s, part %s", f["CPU implementer"], f[partField])
	case f["model name"] != "":
		return f["model name"]
	}
	return "unknown processor"
}
