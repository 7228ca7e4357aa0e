internal import Synchronization

/// Pages that are made once a second at most, however many ask for them.
final class PageCache: Sendable {
  private let pages = Mutex<[String: (at: UInt32, text: String)]>([:])

  /// The page of that name, made by `make` if the last one is not of this second. Others who ask meanwhile wait.
  func page(_ name: StaticString, now: UInt32, _ make: () -> String) -> String {
    pages.withLock { pages in
      let name = name.description
      if let page = pages[name], page.at == now { return page.text }
      let text = make()
      pages[name] = (now, text)
      return text
    }
  }
}
