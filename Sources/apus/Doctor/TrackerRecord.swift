/// What the DNS says about a host's trackers (BEP 34): a TXT record such as `BITTORRENT UDP:6969 TCP:6969`, or
/// `BITTORRENT DENY ALL`.
enum TrackerRecord: Sendable, Equatable {
  /// The ports of its trackers, the preferred first.
  case ports([Port])
  /// There is none; clients stay away.
  case denied

  /// A port and how to reach it.
  struct Port: Sendable, Equatable {
    let isUDP: Bool
    let port: UInt16
  }

  /// Reads a TXT record; `nil` if it is about something else. Words that are not known are passed over, as the BEP
  /// wants.
  init?(_ text: String) {
    let words = text.split(separator: " ")
    guard words.first == "BITTORRENT" else { return nil }
    var ports: [Port] = []
    for word in words.dropFirst() {
      let parts = word.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0] == "UDP" || parts[0] == "TCP", let port = UInt16(parts[1]), port > 0
      else {
        continue
      }
      ports.append(Port(isUDP: parts[0] == "UDP", port: port))
    }
    self = ports.isEmpty ? .denied : .ports(ports)
  }

  /// The record that announces UDP and HTTP on `ports`.
  static func text(ports: [UInt16]) -> String {
    "BITTORRENT" + ports.map { " UDP:\($0)" }.joined() + ports.map { " TCP:\($0)" }.joined()
  }
}

/// The texts of an answer of a name server (RFC 1035).
enum TextRecords {
  private static let kind = 16

  /// The texts in the answer section, each of its parts put together. What is cut off ends the list.
  static func texts(_ answer: [UInt8]) -> [String] {
    guard answer.count >= 12 else { return [] }
    var position = 12
    for _ in 0..<number(answer, 4) {
      guard skipName(answer, &position) else { return [] }
      position += 4
    }
    var texts: [String] = []
    for _ in 0..<number(answer, 6) {
      guard skipName(answer, &position), position + 10 <= answer.count else { break }
      let (type, length) = (number(answer, position), number(answer, position + 8))
      position += 10
      guard position + length <= answer.count else { break }
      if type == kind { texts.append(text(answer[position..<position + length])) }
      position += length
    }
    return texts
  }

  private static func number(_ bytes: [UInt8], _ offset: Int) -> Int {
    Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
  }

  /// Steps over a name: labels up to an empty one, or up to a pointer.
  private static func skipName(_ bytes: [UInt8], _ position: inout Int) -> Bool {
    while position < bytes.count {
      let length = Int(bytes[position])
      if length >= 0xc0 {
        position += 2
        return position <= bytes.count
      }
      position += 1 + length
      if length == 0 { return true }
    }
    return false
  }

  private static func text(_ parts: ArraySlice<UInt8>) -> String {
    var rest = parts
    var bytes: [UInt8] = []
    while let length = rest.popFirst() {
      bytes += rest.prefix(Int(length))
      rest = rest.dropFirst(Int(length))
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
