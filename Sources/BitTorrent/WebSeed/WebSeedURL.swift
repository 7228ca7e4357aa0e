import Metainfo

/// Where a web seed has the files of a torrent (BEP 19).
struct WebSeedURL: Equatable {
  /// What the torrent says, with only what no URL may hold percent-encoded.
  let base: String
  /// Host and port, for accounts.
  let host: String
  /// Whether it is reached by TLS.
  let isSecure: Bool

  /// Longer ones are taken for nonsense.
  private static let maximumBytes = 2048

  /// `nil` unless it is an HTTP or HTTPS URL of acceptable length.
  init?(_ text: String) {
    guard text.utf8.count <= Self.maximumBytes else { return nil }
    let scheme = text.prefix { $0 != ":" }.lowercased()
    let rest = text.dropFirst(scheme.count)
    guard scheme == "http" || scheme == "https", rest.hasPrefix("://") else { return nil }
    let authority = rest.dropFirst(3).prefix { !"/?#".contains($0) }
    // Names and passwords are nobody's business.
    let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
    guard !host.isEmpty else { return nil }
    self.host = String(host)
    isSecure = scheme == "https"
    base = Self.escaped(text.utf8) { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "#") }
  }

  /// The URL of a file. A single file is at the URL itself, or, if that ends with a slash, under it by its
  /// name; the files of a folder are under the folder's name.
  func url(of file: File, in info: Info) -> String {
    guard info.isFolder || base.hasSuffix("/") else { return base }
    return (base.hasSuffix("/") ? base : base + "/") + file.path.map(Self.component).joined(separator: "/")
  }

  /// What RFC 3986 calls unreserved stays.
  private static func component(_ name: String) -> String {
    escaped(name.utf8) { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        true
      default: false
      }
    }
  }

  private static func escaped(_ bytes: some Sequence<UInt8>, unless isPlain: (UInt8) -> Bool) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text += isPlain(byte) ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    return String(decoding: text, as: UTF8.self)
  }
}
