//! What lessons do to the page.

use super::{Dialog, Motion, Stacks, State, Tab};
use crate::model::study::{Bookmark, Given, Move, Study};
use crate::text::M;
use scenario::lesson::Condition;
use std::rc::Rc;

impl State {
    pub(super) fn learn(&mut self, what: Move) {
        match what {
            Move::Index(Ok(index)) => self.lessons = Some(index),
            Move::Index(Err(why)) => {
                if self.dialog == Some(Dialog::Lessons) {
                    self.dialog = None;
                }
                self.missing(&why);
            }
            Move::Open(id) => {
                let page = self.progress.0.get(&*id).filter(|mark| !mark.is_done());
                let page = page.map_or(0, |mark| mark.page);
                self.dialog = None;
                self.wanted = Some(Bookmark { id, page, choice: None, step: None });
            }
            Move::Arrived(id, Ok(lesson)) => {
                let Some(bookmark) = self.wanted.take_if(|wanted| wanted.id == id) else { return };
                let page = bookmark.page.min(lesson.pages.len().saturating_sub(1));
                if lesson.pages.is_empty() {
                    return;
                }
                if self.study.is_none() {
                    self.before = Some(self.work());
                }
                if bookmark.step.is_none() {
                    self.leave_edits();
                }
                let choice = bookmark.choice;
                self.open_page(Study {
                    id,
                    lesson,
                    page,
                    choice,
                    values: Rc::default(),
                    answer: None,
                    achieved: None,
                });
                if let Some(step) = bookmark.step {
                    self.go(step, Motion::None);
                }
            }
            Move::Arrived(id, Err(why)) => {
                if self.wanted.take_if(|wanted| wanted.id == id).is_some() {
                    self.missing(&why);
                }
            }
            Move::Page(page) => {
                if let Some(study) = self.study.clone()
                    && page < study.lesson.pages.len()
                {
                    self.leave_edits();
                    self.open_page(Study { page, choice: None, ..study });
                }
            }
            Move::Answer(text) => {
                if let Some(study) = &self.study {
                    let right = study.judge(&text);
                    self.answer(Given { text, right });
                }
            }
            Move::ThisStep => {
                let right = self.leading().zip(self.study.as_ref()).is_some_and(|(run, study)| {
                    let current = run.current(self.cursor, self.level);
                    let lab = study.stage(&self.scenario, &self.runs);
                    current
                        .zip(lab)
                        .is_some_and(|(id, lab)| study.judge_step(&lab, run.trace(), id))
                });
                self.answer(Given { text: "".into(), right });
            }
            Move::Try(choice) => {
                if let Some(study) = self.study.clone()
                    && study.change().is_some_and(|change| choice < change.choices.len())
                {
                    self.leave_edits();
                    self.open_page(Study { choice: Some(choice), ..study });
                }
            }
            Move::Again => {
                if let Some(study) = self.study.clone() {
                    self.leave_edits();
                    self.open_page(Study { choice: None, ..study });
                }
            }
            Move::Close => {
                self.wanted = None;
                if self.study.take().is_some() {
                    self.given = None;
                    if let Some(before) = self.before.take() {
                        self.bring_back(before);
                    }
                }
            }
        }
    }

    /// To the next page, or the one before.
    pub(super) fn turn(&mut self, by: isize) {
        if let Some(page) = self.study.as_ref().and_then(|study| study.page.checked_add_signed(by))
        {
            self.learn(Move::Page(page));
        }
    }

    fn missing(&mut self, why: &str) {
        self.notice = Some(self.fill(M::LessonMissing, &[("what", why)]));
    }

    /// A page begins with its own scenario, and with nothing to undo.
    fn leave_edits(&mut self) {
        self.past.clear();
        self.future.clear();
        self.own = None;
        self.edits = Rc::new([]);
        self.points.clear();
    }

    /// Opens a page: its scenario on its stacks, at its moment. What a link has changed stays.
    fn open_page(&mut self, mut study: Study) {
        let (Some(scenario), Some(lab)) = (study.scenario(), study.lab()) else { return };
        let Some(builtin) = scenario::find(&study.setting().scenario) else { return };
        let page = study.lesson.pages[study.page].clone();
        let value = |(name, value)| {
            let name: &String = name;
            (name.clone(), lab.value(value).unwrap_or_default())
        };
        study.values = Rc::new(page.values.iter().map(value).collect());
        study.answer = None;
        study.achieved = None;
        let stacks = match study.stacks() {
            [] => return,
            [one] => Stacks::One(*one),
            [left, right, ..] => Stacks::of(*left, Some(*right)),
        };
        let tried = study.choice.is_some();
        self.builtin = builtin;
        self.given = Some(Rc::new(scenario));
        self.stacks = stacks;
        self.study = Some(study);
        self.rebuild();
        self.editor = super::Editor {
            text: self.scenario.manifest.as_str().into(),
            ..super::Editor::default()
        };
        self.simulate();
        self.notice = None;
        if let Some(detail) = page.detail {
            self.level = detail;
        }
        if let Some(tab) = page.panel.as_deref().and_then(Tab::from_key) {
            self.tab = tab;
        }
        if !tried && let Some(study) = &mut self.study {
            study.achieved = None;
        }
        let to = self.moment_of_page();
        self.go(to, Motion::None);
        self.mark();
    }

    /// Where a page begins: at what it shows, or, where a change has achieved something, at that.
    fn moment_of_page(&self) -> usize {
        let Some((run, study)) = self.leading().zip(self.study.as_ref()) else { return 0 };
        let Some(lab) = study.stage(&self.scenario, &self.runs) else { return 0 };
        let trace = run.trace();
        let checks = study.change().filter(|_| study.achieved == Some(true));
        let achieved =
            checks.into_iter().flat_map(|change| &change.check).find_map(
                |condition| match condition {
                    Condition::Happens(moment) => lab.find(moment, trace),
                    _ => None,
                },
            );
        achieved.or_else(|| lab.shown(trace)).map_or(0, |id| id.index() + 1)
    }

    fn answer(&mut self, given: Given) {
        let Some(study) = &mut self.study else { return };
        study.answer = Some(given);
        self.mark();
    }

    /// Whether what is to be changed is achieved on the stage.
    pub(super) fn check_change(&mut self) {
        let Some(study) = &self.study else { return };
        let Some(change) = study.change() else { return };
        let Some(lab) = study.stage(&self.scenario, &self.runs) else { return };
        let achieved = change.check.iter().all(|condition| lab.holds(condition));
        if let Some(study) = &mut self.study {
            study.achieved = Some(achieved);
        }
        self.mark();
    }

    /// Notes how far one has come.
    fn mark(&mut self) {
        let Some(study) = &self.study else { return };
        let mark = Rc::make_mut(&mut self.progress).0.entry(study.id.to_string()).or_default();
        mark.page = study.page;
        mark.pages = study.lesson.pages.len();
        mark.seen.insert(study.page);
        let right = study.answer.as_ref().is_some_and(|given| given.right);
        if right || study.achieved == Some(true) {
            mark.solved.insert(study.page);
        }
    }
}
