"""The form that asks for a code to set a new password with."""

from typing import Any

from allauth.account.forms import ResetPasswordForm

from entrepot.accounts.addresses import verified_of


class AskForCode(ResetPasswordForm):
    """Sends a code to verified addresses only: others may have another owner by now."""

    users: list[Any]  # of accounts, whose model pages do not know

    def clean_email(self) -> str:
        """The address; `users` are those who have shown that it is theirs."""
        email: str = super().clean_email()
        self.users = [each for each in self.users if email.lower() in verified_of(each)]
        return email
