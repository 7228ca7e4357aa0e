import Addresses
import Bytes
import Digest

extension Magnet {
  /// Reads a link. Parameters may be numbered (`tr.1=`); unknown ones and `xt` of other networks are
  /// passed over.
  public init(_ text: String) throws(MagnetError) {
    guard text.utf8.count <= Self.maximumBytes else { throw .tooLong(limit: Self.maximumBytes) }
    let scheme = "magnet:?"
    guard text.prefix(scheme.count).lowercased() == scheme else { throw .notAMagnet }
    self.init()
    var saltDigits = ""
    for part in text.utf8.dropFirst(scheme.utf8.count).split(separator: UInt8(ascii: "&")) {
      guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = Self.name(part[..<equals])
      // Only names to read have blanks as plus signs; in addresses a plus is a plus.
      let value = try Self.unescape(part[part.index(after: equals)...], plusIsBlank: name == "dn")
      switch name {
      case "xt": try take(topic: value)
      case "xs": try take(source: value)
      case "s": saltDigits = value
      case "dn": displayName = value
      case "tr": try take(value, "tr", into: \.trackers)
      case "ws": try take(value, "ws", into: \.webSeeds)
      case "x.pe":
        guard Self.isPeer(value) else { throw .invalidPeer(value) }
        try take(value, "x.pe", into: \.peers)
      case "so": selection = try Self.selection(value)
      default: break
      }
    }
    if publicKey != nil {
      guard let bytes = [UInt8](hexadecimal: saltDigits), bytes.count <= Self.maximumSalt else {
        throw .invalidKey(saltDigits)
      }
      salt = bytes
    }
    guard infoHash != nil || publicKey != nil else { throw .noInfoHash }
  }

  /// The parameter's name in lower case, without the number that makes it unique.
  private static func name(_ bytes: Substring.UTF8View) -> String {
    let name = String(decoding: bytes, as: UTF8.self).lowercased()
    guard let dot = name.lastIndex(of: "."), Int(name[name.index(after: dot)...]) != nil else { return name }
    return String(name[..<dot])
  }

  private mutating func take(
    _ value: String, _ parameter: String, into list: WritableKeyPath<Magnet, [String]>
  ) throws(MagnetError) {
    guard !value.isEmpty else { return }
    guard self[keyPath: list].count < Self.maximumCount else {
      throw .tooMany(parameter: parameter, limit: Self.maximumCount)
    }
    self[keyPath: list].append(value)
  }

  private mutating func take(topic: String) throws(MagnetError) {
    let lower = topic.lowercased()
    if lower.hasPrefix("urn:btih:") {
      let digits = topic.dropFirst(9)
      let bytes = digits.utf8.count == 32 ? [UInt8](base32: digits) : [UInt8](hexadecimal: digits)
      guard let hash = bytes.flatMap({ SHA1Digest($0) }) else { throw .invalidInfoHash(topic) }
      guard infoHashV1 == nil || infoHashV1 == hash else { throw .conflictingInfoHashes }
      infoHashV1 = hash
    } else if lower.hasPrefix("urn:btmh:") {
      // A multihash: 12 for SHA-256, 20 for its 32 bytes.
      guard lower.hasPrefix("urn:btmh:1220"), let hash = SHA256Digest(hexadecimal: topic.dropFirst(13)) else {
        throw .invalidInfoHash(topic)
      }
      guard infoHashV2 == nil || infoHashV2 == hash else { throw .conflictingInfoHashes }
      infoHashV2 = hash
    }
  }

  /// A publisher's key; sources of other kinds are passed over.
  private mutating func take(source: String) throws(MagnetError) {
    guard source.lowercased().hasPrefix("urn:btpk:") else { return }
    guard let key = [UInt8](hexadecimal: source.dropFirst(9)), key.count == 32 else {
      throw .invalidKey(source)
    }
    publicKey = key
  }

  private static func unescape(
    _ bytes: Substring.UTF8View, plusIsBlank: Bool
  ) throws(MagnetError) -> String {
    var plain: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%") {
        let digits = rest.prefix(2)
        let value = [UInt8](hexadecimal: String(decoding: digits, as: UTF8.self))
        guard digits.count == 2, let value else {
          throw .invalidEscape(String(decoding: bytes, as: UTF8.self))
        }
        plain += value
        rest = rest.dropFirst(2)
      } else {
        plain.append(byte == UInt8(ascii: "+") && plusIsBlank ? UInt8(ascii: " ") : byte)
      }
    }
    guard let text = String(validating: plain, as: UTF8.self) else {
      throw .invalidEscape(String(decoding: bytes, as: UTF8.self))
    }
    return text
  }

  private static func isPeer(_ text: String) -> Bool {
    if let endpoint = Endpoint(text) { return endpoint.port > 0 }
    guard let colon = text.lastIndex(of: ":") else { return false }
    let host = text[..<colon]
    guard let port = UInt16(text[text.index(after: colon)...]), port > 0 else { return false }
    return !host.isEmpty && host.utf8.count <= 253
      && host.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  /// Reads `0,2,4-6` and joins what touches.
  private static func selection(_ text: String) throws(MagnetError) -> [ClosedRange<Int>] {
    var ranges: [ClosedRange<Int>] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { index($0) }
      guard ends.count <= 2, let first = ends.first, let last = ends.last, let first, let last, first <= last
      else { throw .invalidSelection(text) }
      guard ranges.count < maximumCount else { throw .tooMany(parameter: "so", limit: maximumCount) }
      ranges.append(first...last)
    }
    var joined: [ClosedRange<Int>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let before = joined.last, range.lowerBound <= before.upperBound + 1 {
        joined[joined.count - 1] = before.lowerBound...max(before.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    return joined
  }

  /// A file's index: digits only, within what a torrent can have.
  private static func index(_ text: Substring) -> Int? {
    guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let index = Int(text),
      index < MetainfoLimits.standard.maximumFiles
    else { return nil }
    return index
  }
}
