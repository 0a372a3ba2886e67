package corpus

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// A wrap is a container that content is found in by its first bytes.
type wrap string

const (
	wrapGzip    wrap = "gzip"
	wrapZstd    wrap = "zstd"
	wrapXZ      wrap = "xz"
	wrapBzip2   wrap = "bzip2"
	wrapZip     wrap = "zip"
	wrapTar     wrap = "tar"
	wrapWARC    wrap = "warc"
	wrapParquet wrap = "parquet"
)

// wrapped returns the container with which the bytes begin, or "".
func wrapped(head []byte) wrap {
	has := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case has("\x1f\x8b\x08"):
		return wrapGzip
	case has("\x28\xb5\x2f\xfd"), len(head) >= 8 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18":
		return wrapZstd
	case has("\xfd7zXZ\x00"):
		return wrapXZ
	case len(head) >= 10 && has("BZh") && '1' <= head[3] && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return wrapBzip2
	case has("PK\x03\x04"), has("PK\x05\x06"), has("PK\x07\x08"):
		return wrapZip
	case has("PAR1"), has("PARE"):
		return wrapParquet
	case has("WARC/1."), has("WARC/0."):
		return wrapWARC
	case isTar(head):
		return wrapTar
	}
	return ""
}

// isTar reports whether the bytes are a header of tar, by its checksum: old archives have
// no magic.
func isTar(head []byte) bool {
	if len(head) < 512 {
		return false
	}
	var sum, stored int64
	for i, c := range head[:512] {
		if 148 <= i && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	field := bytes.Trim(head[148:156], " \x00")
	if len(field) == 0 {
		return false
	}
	for _, c := range field {
		if c < '0' || c > '7' {
			return false
		}
		stored = stored<<3 | int64(c-'0')
	}
	return stored == sum && head[0] != 0
}

// A refusal is a kind of file that holds no text of its own, or not in a form that is read.
type refusal struct {
	reason Reason
	what   string // "a PDF"
	advice string // what to do
}

const (
	adviceExtract = "extract its text first and read that"
	adviceNone    = "it holds no text that can be tested"
	adviceModel   = "it holds numbers of a model and no text"
)

// binaries are the magic bytes of files that are refused by name.
var binaries = []struct {
	offset int
	magic  string
	refusal
}{
	{0, "%PDF-", refusal{Binary, "a PDF", "extract its text first, with pdftotext for example"}},
	{0, "%!PS", refusal{Binary, "PostScript", "extract its text first, with ps2ascii for example"}},
	{0, "{\\rtf", refusal{Binary, "a document in Rich Text Format", "save it as plain text"}},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", refusal{Binary, "an Office document of the old kind (.doc, .xls, .ppt, .msg)", "save it as plain text"}},
	{0, "7z\xbc\xaf\x27\x1c", refusal{Unsupported, "a 7-Zip archive", "unpack it first"}},
	{0, "Rar!\x1a\x07", refusal{Unsupported, "a RAR archive", "unpack it first"}},
	{0, "\x1f\x9d", refusal{Unsupported, "compressed with compress (.Z)", "decompress it first, with uncompress"}},
	{0, "\x1f\xa0", refusal{Unsupported, "compressed with LZH (.Z)", "decompress it first"}},
	{0, "\x1f\x1e", refusal{Unsupported, "packed with pack (.z)", "decompress it first"}},
	{0, "\x04\x22\x4d\x18", refusal{Unsupported, "compressed with LZ4", "decompress it first, with lz4 -d"}},
	{0, "\x02\x21\x4c\x18", refusal{Unsupported, "compressed with LZ4 of the old kind", "decompress it first, with lz4 -d"}},
	{0, "LZIP", refusal{Unsupported, "compressed with lzip", "decompress it first, with lzip -d"}},
	{0, "\x89LZO\x00\r\n\x1a\n", refusal{Unsupported, "compressed with lzop", "decompress it first, with lzop -d"}},
	{0, "\x5d\x00\x00", refusal{Unsupported, "compressed with LZMA of the old kind", "decompress it first, with xz -d --format=lzma"}},
	{0, "\xff\x06\x00\x00sNaPpY", refusal{Unsupported, "compressed with Snappy", "decompress it first"}},
	{0, "\x37\xa4\x30\xec", refusal{Unsupported, "a dictionary of zstd", "name the compressed file in its place"}},
	{0, "MSCF\x00\x00\x00\x00", refusal{Unsupported, "a cabinet archive", "unpack it first"}},
	{0, "!<arch>\n", refusal{Binary, "an archive of ar, such as a .deb or .a", "unpack it first"}},
	{0, "070701", refusal{Unsupported, "a cpio archive", "unpack it first"}},
	{0, "070707", refusal{Unsupported, "a cpio archive", "unpack it first"}},
	{0, "\xed\xab\xee\xdb", refusal{Binary, "an RPM package", "unpack it first"}},
	{0, "ARROW1\x00\x00", refusal{Unsupported, "an Arrow file", "write it as parquet or JSON lines"}},
	{0, "\xff\xff\xff\xff", refusal{Unsupported, "a stream of Arrow", "write it as parquet or JSON lines"}},
	{0, "Obj\x01", refusal{Unsupported, "an Avro file", "write it as JSON lines"}},
	{0, "ORC", refusal{Unsupported, "an ORC file", "write it as parquet or JSON lines"}},
	{0, "SQLite format 3\x00", refusal{Unsupported, "an SQLite database", "export its texts as CSV or JSON lines"}},
	{0, "\x89HDF\r\n\x1a\n", refusal{Unsupported, "an HDF5 file", "export its texts as JSON lines"}},
	{0, "GGUF", refusal{Binary, "a model in GGUF", adviceModel}},
	{0, "\x93NUMPY", refusal{Binary, "a NumPy array", "write its ids as JSON"}},
	{0, "(lp0\n", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "(dp0\n", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "(lp1\n", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "(dp1\n", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "FEA1", refusal{Unsupported, "an Arrow file of the old kind (Feather 1)", "write it as parquet or JSON lines"}},
	{0, "\x80\x02}", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "\x80\x03", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "\x80\x04\x95", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "\x80\x05\x95", refusal{Binary, "a pickle of Python", "write its texts as JSON lines"}},
	{0, "PACK\x00\x00\x00\x02", refusal{Binary, "a pack of git", "check its files out first"}},
	{0, "version https://git-lfs.github.com/spec/", refusal{Unsupported, "a pointer of Git LFS, not the file itself", "fetch the file with git lfs pull"}},
	{0, "/annex/objects/", refusal{Unsupported, "a pointer of git-annex, not the file itself", "fetch the file with git annex get"}},
	{0, "age-encryption.org/v1", refusal{Encrypted, "encrypted with age", "decrypt it first"}},
	{0, "-----BEGIN AGE ENCRYPTED FILE-----", refusal{Encrypted, "encrypted with age", "decrypt it first"}},
	{0, "-----BEGIN PGP MESSAGE-----", refusal{Encrypted, "encrypted with PGP", "decrypt it first"}},
	{0, "Salted__", refusal{Encrypted, "encrypted with openssl", "decrypt it first"}},
	{0, "\x89PNG\r\n\x1a\n", refusal{Binary, "a PNG picture", adviceNone}},
	{0, "\xff\xd8\xff", refusal{Binary, "a JPEG picture", adviceNone}},
	{0, "GIF87a", refusal{Binary, "a GIF picture", adviceNone}},
	{0, "GIF89a", refusal{Binary, "a GIF picture", adviceNone}},
	{0, "II*\x00", refusal{Binary, "a TIFF picture", adviceNone}},
	{0, "MM\x00*", refusal{Binary, "a TIFF picture", adviceNone}},
	{0, "8BPS\x00", refusal{Binary, "a Photoshop picture", adviceNone}},
	{0, "\x00\x00\x01\x00", refusal{Binary, "an icon", adviceNone}},
	{0, "AT&TFORM", refusal{Binary, "a DjVu document", "extract its text first, with djvutxt for example"}},
	{8, "WEBP", refusal{Binary, "a WebP picture", adviceNone}},
	{8, "WAVE", refusal{Binary, "a sound (WAV)", adviceNone}},
	{8, "AVI ", refusal{Binary, "a film (AVI)", adviceNone}},
	{4, "ftyp", refusal{Binary, "a film, sound or picture (MP4, MOV, HEIC)", adviceNone}},
	{0, "ID3", refusal{Binary, "a sound (MP3)", adviceNone}},
	{0, "OggS\x00", refusal{Binary, "a sound or film (Ogg)", adviceNone}},
	{0, "fLaC\x00", refusal{Binary, "a sound (FLAC)", adviceNone}},
	{0, "\x1aE\xdf\xa3", refusal{Binary, "a film (Matroska, WebM)", adviceNone}},
	{0, "FORM", refusal{Binary, "a sound or picture (IFF)", adviceNone}},
	{0, "\x7fELF", refusal{Binary, "a program (ELF)", adviceNone}},
	{0, "\xca\xfe\xba\xbe", refusal{Binary, "a program (Java class or Mach-O)", adviceNone}},
	{0, "\xcf\xfa\xed\xfe", refusal{Binary, "a program (Mach-O)", adviceNone}},
	{0, "\xce\xfa\xed\xfe", refusal{Binary, "a program (Mach-O)", adviceNone}},
	{0, "\x00asm", refusal{Binary, "a program (WebAssembly)", adviceNone}},
	{0, "dex\n035\x00", refusal{Binary, "a program (Dalvik)", adviceNone}},
	{0, "\x00\x05\x16\x07", refusal{Binary, "an AppleDouble file, which macOS keeps beside others", "leave it out"}},
	{0, "\x00\x05\x16\x00", refusal{Binary, "an AppleSingle file", "extract its data first"}},
	{0, "bplist00", refusal{Binary, "a property list of macOS", adviceExtract}},
	{0, "wOFF", refusal{Binary, "a font", adviceNone}},
	{0, "wOF2", refusal{Binary, "a font", adviceNone}},
	{0, "\x00\x01\x00\x00\x00", refusal{Binary, "a font", adviceNone}},
	{0, "OTTO\x00", refusal{Binary, "a font", adviceNone}},
	{0, "ITOLITLS", refusal{Binary, "an e-book (LIT)", adviceExtract}},
	{60, "BOOKMOBI", refusal{Binary, "an e-book (Mobipocket, Kindle)", adviceExtract}},
	{0, "L\x00\x00\x00\x01\x14\x02\x00", refusal{Binary, "a Windows shortcut", "name the file it points to"}},
	{0, "!BDN", refusal{Unsupported, "an Outlook mailbox (PST)", "export it as mbox or .eml, with readpst for example"}},
	{0, "\xd4\xc3\xb2\xa1", refusal{Binary, "a network capture", adviceNone}},
	{0, "\x0a\x0d\x0d\x0a", refusal{Binary, "a network capture", adviceNone}},
	{32769, "CD001", refusal{Unsupported, "a disk image (ISO 9660)", "unpack it first"}},
}

// refused returns the refusal of a file that begins so, or nil.
func refused(head []byte) *refusal {
	for i := range binaries {
		b := &binaries[i]
		if len(head) >= b.offset+len(b.magic) && string(head[b.offset:b.offset+len(b.magic)]) == b.magic {
			if b.offset == 8 && string(head[:4]) != "RIFF" {
				continue
			}
			if plausible(b.magic, head) {
				return &b.refusal
			}
		}
	}
	switch {
	case len(head) >= 0x40 && string(head[:2]) == "MZ" && bytes.IndexByte(head[:0x40], 0) >= 0:
		return &refusal{Binary, "a program (Windows)", adviceNone}
	case len(head) >= 26 && string(head[:2]) == "BM" && bytes.IndexByte(head[:14], 0) >= 0:
		return &refusal{Binary, "a BMP picture", adviceNone}
	case len(head) >= 9 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 1<<28 && head[7] == 0:
		return &refusal{Binary, "a model in safetensors", adviceModel}
	case len(head) >= 3 && head[0] == 0xff && (head[1] == 0xfb || head[1] == 0xf3 || head[1] == 0xf2):
		return &refusal{Binary, "a sound (MP3)", adviceNone}
	}
	return nil
}

// plausible reports whether magic bytes that are letters, and might begin a text, are
// followed by bytes that no text has.
func plausible(magic string, head []byte) bool {
	switch magic {
	case "GGUF", "FEA1", "FORM", "ORC", "LZIP", "ID3", "wOFF", "wOF2", "!BDN", "WEBP", "WAVE", "AVI ", "ftyp", "BOOKMOBI", "PACK\x00\x00\x00\x02":
		for _, c := range head[:min(len(head), 512)] {
			if c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' || c == 0x7f {
				return true
			}
		}
		return false
	case "\x5d\x00\x00": // LZMA has a dictionary size and then a length that is unknown or below 2^40
		return len(head) >= 13 && (binary.LittleEndian.Uint64(head[5:]) == 1<<64-1 || binary.LittleEndian.Uint64(head[5:]) < 1<<40)
	case "\xff\xff\xff\xff": // Arrow has the length of a message next
		return len(head) >= 8 && binary.LittleEndian.Uint32(head[4:]) < 1<<24 && binary.LittleEndian.Uint32(head[4:])%8 == 0
	case "\xff\xd8\xff":
		return len(head) >= 4 && head[3] >= 0xc0
	case "\x00\x00\x01\x00":
		return len(head) >= 6 && head[5] == 0
	}
	return true
}

// office returns the refusal of a zip file that is a document or a package, by the names
// of its members, or nil.
func office(names []string) *refusal {
	has := func(prefix string) bool {
		for _, n := range names {
			if strings.HasPrefix(n, prefix) {
				return true
			}
		}
		return false
	}
	all := func(suffix string) bool {
		for _, n := range names {
			if !strings.HasSuffix(n, suffix) {
				return false
			}
		}
		return len(names) > 0
	}
	switch {
	case has("[Content_Types].xml") && has("word/"):
		return &refusal{Binary, "a Word document (.docx)", "save it as plain text, or extract it with pandoc for example"}
	case has("[Content_Types].xml") && has("xl/"):
		return &refusal{Binary, "an Excel workbook (.xlsx)", "save its sheet as CSV"}
	case has("[Content_Types].xml") && has("ppt/"):
		return &refusal{Binary, "a PowerPoint presentation (.pptx)", "save it as plain text"}
	case has("[Content_Types].xml"):
		return &refusal{Binary, "a document of Office or a package of .NET", adviceExtract}
	case has("META-INF/container.xml"):
		return &refusal{Binary, "an e-book (EPUB)", "extract its text first, with pandoc for example"}
	case len(names) > 0 && names[0] == "mimetype" && has("content.xml"):
		return &refusal{Binary, "a document of LibreOffice (.odt, .ods, .odp)", "save it as plain text"}
	case has("META-INF/MANIFEST.MF"):
		return &refusal{Binary, "a Java archive", adviceNone}
	case has("AndroidManifest.xml"):
		return &refusal{Binary, "an Android package", adviceNone}
	case all(".npy"):
		return &refusal{Binary, "NumPy arrays (.npz)", "write their ids as JSON"}
	}
	for _, n := range names {
		if strings.HasSuffix(n, "/data.pkl") || n == "data.pkl" {
			return &refusal{Binary, "a model of PyTorch", adviceModel}
		}
	}
	return nil
}
