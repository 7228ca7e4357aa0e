import Bytes

/// Which program a peer id belongs to, for people to read (BEP 20).
public enum ClientName {
  /// How a client writes its version after its two letters.
  private enum Style {
    /// One digit a part, trailing zeros dropped down to two parts: `2080` is 2.0.8.
    case dotted
    /// Before version 4 a digit and two more, `3000` is 3.00; from then on dotted.
    case transmission
    /// Two digits a part: `0102` is 1.2.
    case pairs
  }

  /// The name and version that `peerID` spells, such as `libtorrent 2.0.8`; `nil` if it follows none of
  /// the known conventions. What it returns is printable ASCII.
  public static func of(_ peerID: PeerID) -> String? {
    let bytes = peerID.bytes
    return azureus(bytes) ?? mainline(bytes) ?? shadow(bytes)
  }

  /// The same, or the start of the id itself where nothing is known about it.
  public static func display(_ peerID: PeerID) -> String {
    of(peerID) ?? "unknown client"
  }

  /// `-XXvvvv-`
  private static func azureus(_ bytes: [UInt8]) -> String? {
    guard bytes[0] == UInt8(ascii: "-"), bytes[1..<7].allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      return nil
    }
    let letters = String(decoding: bytes[1..<3], as: UTF8.self)
    guard let known = name(azureus: letters) else {
      // An unknown program that keeps to the form is named by its letters.
      guard bytes[7] == UInt8(ascii: "-"), letters.allSatisfy({ $0.isLetter || $0 == "~" }) else {
        return nil
      }
      return letters + version(bytes[3..<7], .dotted)
    }
    return known.0 + version(bytes[3..<7], known.1)
  }

  /// `M7-10-5--`: one letter and numbers with dashes between; aria2 writes `A2-1-36-0-`.
  private static func mainline(_ bytes: [UInt8]) -> String? {
    let name: String
    var rest: ArraySlice<UInt8>
    if bytes.starts(with: Array("A2-".utf8)) {
      name = "aria2"
      rest = bytes[3...]
    } else if bytes[0] == UInt8(ascii: "M"), digit(bytes[1]) != nil {
      name = "BitTorrent"
      rest = bytes[1...]
    } else if bytes[0] == UInt8(ascii: "Q"), digit(bytes[1]) != nil, bytes[2] == UInt8(ascii: "-") {
      name = "Queen Bee"
      rest = bytes[1...]
    } else {
      return nil
    }
    var parts: [String] = []
    while parts.count < 3 {
      let digits = rest.prefix { decimal($0) != nil }.prefix(4)
      guard !digits.isEmpty else { break }
      parts.append(String(decoding: digits, as: UTF8.self))
      rest = rest.dropFirst(digits.count)
      guard rest.first == UInt8(ascii: "-") else { break }
      rest = rest.dropFirst()
    }
    guard parts.count >= 2 else { return nil }
    return name + " " + parts.joined(separator: ".")
  }

  /// `T0390-----`: a letter, up to five digits of base 64, padded with dashes.
  private static func shadow(_ bytes: [UInt8]) -> String? {
    let names: [UInt8: String] = [
      UInt8(ascii: "A"): "ABC", UInt8(ascii: "O"): "Osprey Permaseed", UInt8(ascii: "Q"): "BTQueue",
      UInt8(ascii: "R"): "Tribler", UInt8(ascii: "S"): "Shadow", UInt8(ascii: "T"): "BitTornado",
      UInt8(ascii: "U"): "UPnP NAT Bit Torrent",
    ]
    guard let name = names[bytes[0]], bytes[6..<9].allSatisfy({ $0 == UInt8(ascii: "-") }) else { return nil }
    let digits = bytes[1..<6].prefix { $0 != UInt8(ascii: "-") }.map(digit)
    guard !digits.isEmpty, !digits.contains(nil) else { return nil }
    return name + " " + digits.prefix(3).compactMap { $0.map(String.init) }.joined(separator: ".")
  }

  private static func version(_ bytes: ArraySlice<UInt8>, _ style: Style) -> String {
    var values: [Int] = []
    for byte in bytes {
      guard let value = digit(byte) else { break }
      values.append(value)
    }
    guard values.count >= 3 else { return "" }
    switch style {
    case .transmission where values[0] < 4:
      return " \(values[0]).\(values[1])\(values[2])"
    case .pairs where values.count == 4:
      return " \(values[0] * 10 + values[1]).\(values[2] * 10 + values[3])"
    default:
      while values.count > 2, values.last == 0 { values.removeLast() }
      return " " + values.map(String.init).joined(separator: ".")
    }
  }

  /// 0 to 9, then the letters from 10 on.
  private static func digit(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 48
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(byte) - 55
    default: nil
    }
  }

  private static func decimal(_ byte: UInt8) -> Int? { digit(byte).flatMap { $0 < 10 ? $0 : nil } }

  private static func name(azureus letters: String) -> (String, Style)? {
    switch letters {
    case "AP": ("Apus", .dotted)
    case "LT": ("libtorrent", .dotted)
    case "lt": ("rTorrent", .dotted)
    case "TR": ("Transmission", .transmission)
    case "qB": ("qBittorrent", .dotted)
    case "DE": ("Deluge", .dotted)
    case "UT": ("uTorrent", .dotted)
    case "UM": ("uTorrent Mac", .dotted)
    case "UW": ("uTorrent Web", .dotted)
    case "BT": ("BitTorrent", .dotted)
    case "AZ": ("Vuze", .dotted)
    case "BI": ("BiglyBT", .dotted)
    case "BC": ("BitComet", .pairs)
    case "WW": ("WebTorrent", .pairs)
    case "WD": ("WebTorrent Desktop", .pairs)
    case "KT": ("KTorrent", .dotted)
    case "MO": ("MonoTorrent", .dotted)
    case "TX": ("Tixati", .dotted)
    case "FW": ("FrostWire", .dotted)
    case "FD": ("Free Download Manager", .dotted)
    case "XL": ("Xunlei", .dotted)
    case "PI": ("PicoTorrent", .dotted)
    case "rQ": ("rqbit", .dotted)
    case "GT": ("anacrolix", .dotted)
    case "CT", "CD": ("CTorrent", .dotted)
    case "FG": ("FlashGet", .dotted)
    case "BF": ("Bitflu", .dotted)
    case "HL": ("Halite", .dotted)
    case "SZ": ("Shareaza", .dotted)
    default: nil
    }
  }
}
