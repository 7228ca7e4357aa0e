import Bencode
import Bytes
import FuzzDriver

/// What strict decoding takes is canonical, so that encoding gives the same bytes again; what it takes,
/// lenient decoding takes as well.
@main
enum FuzzBencode {
  /// The limits of strict decoding, with any order of keys and anything after the value.
  static let prefix = BencodeOptions(allowsUnsortedKeys: true, allowsTrailingBytes: true)

  static func main() {
    let code = fuzz { start, count in
      FuzzBencode.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    let consumed = try? Bencode.validate(input.rawBytes, options: Self.prefix)
    do {
      let document = try BencodeDocument(prefixOf: input.rawBytes, options: Self.prefix)
      precondition(document.root.range.upperBound == consumed)
      walk(document.root, in: document.root.range)
    } catch {
      precondition(consumed == nil)
      precondition(error.offset >= 0 && error.offset <= input.count)
      precondition(!error.description.isEmpty)
    }
    guard let strict = try? BencodeDocument(input) else { return }
    precondition(strict.root.range == 0..<input.count && consumed == input.count)
    precondition(Bencode(strict.root).encoded() == input)
    guard let lenient = try? BencodeDocument(input, options: .lenient) else {
      preconditionFailure("strict takes what lenient refuses")
    }
    precondition(Bencode(lenient.root) == Bencode(strict.root))
  }

  /// Children lie inside their parents, and each value is of one kind.
  static func walk(_ value: BencodeValue, in parent: Range<Int>) {
    let range = value.range
    precondition(range.lowerBound >= parent.lowerBound && range.upperBound <= parent.upperBound)
    precondition(!range.isEmpty && value.bytes.count == range.count)
    let kinds = [value.integer != nil, value.string != nil, value.isList, value.isDictionary]
    precondition(kinds.count { $0 } == 1)
    if let elements = value.elements { for element in elements { walk(element, in: range) } }
    guard let members = value.members else { return }
    for (key, element) in members {
      walk(key, in: range)
      walk(element, in: range)
      if let name = key.text { precondition(value[name] != nil) }
    }
  }
}
