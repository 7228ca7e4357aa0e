import Bytes
import Digest

/// The one rule that makes names from outside safe; docs/NAMES.md says it in words.
enum SafeName {
  /// Bytes of a component at most: what common file systems take.
  static let maximumBytes = 255

  /// A component that names exactly one entry of a folder, whatever `bytes` are.
  static func component(_ bytes: some Collection<UInt8>) -> String {
    var isPlain = !bytes.isEmpty && bytes.count <= maximumBytes
    for byte in bytes where byte < 0x20 || byte >= 0x7f || byte == UInt8(ascii: "/") { isPlain = false }
    var name = String(decoding: bytes, as: UTF8.self)
    if !isPlain {
      var scalars = String.UnicodeScalarView()
      for scalar in name.unicodeScalars { scalars.append(isHarmless(scalar) ? scalar : "_") }
      name = String(scalars)
      if name.utf8.count > maximumBytes { name = shortened(name, bytes) }
    }
    switch name {
    case "": return "_"
    case ".": return "_"
    case "..": return "__"
    default: return name
    }
  }

  /// The same for the first component under the download folder, where `.apus` is our own.
  static func first(_ bytes: some Collection<UInt8>) -> String {
    let name = component(bytes)
    return name.utf8.count == 5 && name.lowercased() == ".apus" ? "_" + name : name
  }

  /// Whether a character may stay: not `/`, no control, nothing that turns text around or breaks lines.
  static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x2f, 0x7f..<0xa0, 0x61c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: false
    default: true
    }
  }

  /// The beginning, `~` and eight digits of the whole name's SHA-256, and the extension.
  private static func shortened(_ name: String, _ bytes: some Collection<UInt8>) -> String {
    let digest = SHA256.hash([UInt8](bytes).rawBytes).bytes.prefix(4).hexadecimal
    return numbered(name, mark: "~" + digest)
  }

  /// `name` with `mark` in front of its extension, cut to fit.
  static func numbered(_ name: String, mark: String) -> String {
    var stem = Substring(name)
    var ending = Substring()
    if let dot = name.lastIndex(of: "."), dot > name.startIndex, name[dot...].utf8.count <= 16 {
      stem = name[..<dot]
      ending = name[dot...]
    }
    var kept = String.UnicodeScalarView()
    var room = maximumBytes - mark.utf8.count - ending.utf8.count
    for scalar in stem.unicodeScalars {
      room -= UTF8.width(scalar)
      if room < 0 { break }
      kept.append(scalar)
    }
    return String(kept) + mark + ending
  }
}
