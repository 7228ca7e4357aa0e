import FuzzDriver
import Transfer

/// What a web server says that it sends (`Content-Range`): refused, or means what it says.
@main
enum FuzzContentRange {
  static func main() {
    let code = fuzz { start, count in
      FuzzContentRange.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    for text in [input, Array("bytes ".utf8) + input] {
      guard let read = ContentRange(text) else { continue }
      precondition(ContentRange(read.description.utf8) == read)
      precondition(read.range != nil || read.total != nil)
      if let range = read.range { precondition(!range.isEmpty && range.upperBound <= read.total ?? .max) }
    }
  }
}
