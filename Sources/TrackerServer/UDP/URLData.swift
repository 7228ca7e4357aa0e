import Bytes

/// What the options of an announce say (BEP 41): path and query of the tracker's URL, in pieces of up to 255 bytes.
/// Read byte by byte, wherever the pieces were cut; nothing is copied.
struct URLData {
  /// The part of the path that is 32 hexadecimal digits; the last, if there are several.
  private(set) var passkey: Passkey?
  private var high: UInt64 = 0
  private var low: UInt64 = 0
  /// Digits of the present part of the path; -1 if it cannot be a passkey.
  private var digits = 0
  private var isPath = true

  /// Reads the options of an announce of more than 98 bytes. Unknown ones are passed over; one that is cut off ends
  /// the reading. O(n).
  init(_ request: RawSpan) {
    var offset = UDPTrackerMessage.announceSize
    while offset < request.byteCount {
      let type = request.byte(at: offset)
      if type == 0 { break }
      offset += 1
      if type == 1 { continue }
      guard offset < request.byteCount else { break }
      let end = offset + 1 + Int(request.byte(at: offset))
      guard end <= request.byteCount else { break }
      if type == 2 { for index in offset + 1..<end { take(request.byte(at: index)) } }
      offset = end
    }
    endPart()
  }

  private mutating func take(_ byte: UInt8) {
    guard isPath else { return }
    switch byte {
    case UInt8(ascii: "/"): endPart()
    case UInt8(ascii: "?"):
      endPart()
      isPath = false
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit(byte - UInt8(ascii: "A") + 10)
    default: digits = -1
    }
  }

  private mutating func digit(_ value: UInt8) {
    guard digits >= 0 else { return }
    digits += 1
    high = high << 4 | low >> 60
    low = low << 4 | UInt64(value)
  }

  private mutating func endPart() {
    if digits == 32 { passkey = Passkey(high: high, low: low) }
    digits = 0
  }
}
