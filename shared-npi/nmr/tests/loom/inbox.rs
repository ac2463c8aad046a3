// SPDX-License-Identifier: MIT OR Apache-2.0

//! The inbox: adders against the taker.

use core::ptr::NonNull;

use loom::sync::Arc;
use loom::thread;
use nmr::inbox::{Inbox, Item, Link};

#[repr(C)]
struct Letter {
    link: Link,
    number: u32,
}

struct Owned(Box<Letter>);

// SAFETY: the box is leaked in between, and the link is its first field.
unsafe impl Item for Owned {
    fn into_link(self) -> NonNull<Link> {
        NonNull::from(Box::leak(self.0)).cast()
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: by the contract the link is that of a leaked letter.
        Self(unsafe { Box::from_raw(link.cast().as_ptr()) })
    }
}

#[test]
fn every_item_is_taken_once_and_each_adders_in_order() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::new());
        let adders: Vec<_> = [[1, 2], [11, 12]]
            .into_iter()
            .map(|numbers| {
                let inbox = Arc::clone(&inbox);
                thread::spawn(move || {
                    for number in numbers {
                        inbox.add(Owned(Box::new(Letter {
                            link: Link::new(),
                            number,
                        })));
                    }
                })
            })
            .collect();
        let mut taken: Vec<u32> = inbox.take_all().map(|item| item.0.number).collect();
        for adder in adders {
            adder.join().expect("no panic");
        }
        taken.extend(inbox.take_all().map(|item| item.0.number));

        let (low, high): (Vec<u32>, Vec<u32>) = taken.into_iter().partition(|number| *number < 10);
        assert_eq!(low, [1, 2]);
        assert_eq!(high, [11, 12]);
    });
}
