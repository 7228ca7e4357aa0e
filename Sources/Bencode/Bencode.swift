import Bytes

/// A value to encode. Dictionaries come out in canonical order whatever order they were filled in.
public enum Bencode: Sendable, Equatable {
  /// A number.
  case integer(Int64)
  /// Bytes.
  case string([UInt8])
  /// Values in order.
  case list([Bencode])
  /// Values by key.
  case dictionary([[UInt8]: Bencode])
  /// Bytes that are bencoded already; they are put in as they are.
  case raw([UInt8])

  /// A string of UTF-8 text.
  public static func text(_ text: String) -> Bencode { .string([UInt8](text.utf8)) }

  /// The canonical encoding: keys sorted by their bytes, numbers without padding (BEP 3).
  public func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  /// Appends the canonical encoding to `bytes`.
  public func append(to bytes: inout [UInt8]) {
    switch self {
    case .integer(let value):
      bytes.append(utf8: "i\(value)e")
    case .string(let content):
      Self.append(content, to: &bytes)
    case .list(let elements):
      bytes.append(UInt8(ascii: "l"))
      for element in elements { element.append(to: &bytes) }
      bytes.append(UInt8(ascii: "e"))
    case .dictionary(let entries):
      bytes.append(UInt8(ascii: "d"))
      for (key, value) in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        Self.append(key, to: &bytes)
        value.append(to: &bytes)
      }
      bytes.append(UInt8(ascii: "e"))
    case .raw(let encoded):
      bytes.append(contentsOf: encoded)
    }
  }

  private static func append(_ content: [UInt8], to bytes: inout [UInt8]) {
    bytes.append(utf8: "\(content.count):")
    bytes.append(contentsOf: content)
  }

  /// The value under `key`, if this is a dictionary; setting `nil` takes the key out. Setting on
  /// anything but a dictionary changes nothing.
  public subscript(key: String) -> Bencode? {
    get {
      guard case .dictionary(let entries) = self else { return nil }
      return entries[[UInt8](key.utf8)]
    }
    set {
      guard case .dictionary(var entries) = self else { return }
      entries[[UInt8](key.utf8)] = newValue
      self = .dictionary(entries)
    }
  }

  /// A decoded value, copied out of its document.
  public init(_ value: BencodeValue) {
    if let integer = value.integer {
      self = .integer(integer)
    } else if let string = value.string {
      self = .string(string)
    } else if let elements = value.elements {
      self = .list(elements.map { Bencode($0) })
    } else {
      self = .dictionary(
        Dictionary(
          (value.entries ?? []).map { ($0.key, Bencode($0.value)) }, uniquingKeysWith: { first, _ in first }))
    }
  }
}

extension Bencode: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// A number.
  public init(integerLiteral value: Int64) { self = .integer(value) }

  /// UTF-8 text.
  public init(stringLiteral value: String) { self = .text(value) }

  /// A list.
  public init(arrayLiteral elements: Bencode...) { self = .list(elements) }

  /// A dictionary; of equal keys the last counts.
  public init(dictionaryLiteral elements: (String, Bencode)...) {
    self = .dictionary(
      Dictionary(elements.map { ([UInt8]($0.0.utf8), $0.1) }, uniquingKeysWith: { _, last in last }))
  }
}
